-- One batch of a journal, in one call and so in one round trip and one transaction (design.md §5).
-- The arrays of a section run in parallel. Snapshots come coalesced: at most one per entity.
--   AT001  a lease was lost: DETAIL lists the shards; nothing is written
--   AT002  a snapshot does not replace the version that is stored; nothing is written

-- Finds the tasks of a run when it is resumed; tasks that no run has reached pay nothing for it.
create index task_state_run on task_state (shard, last_run) where last_run > 0;

-- Finds the entries of a day: entries are appended in the order of days, so a summary per block range is enough and costs
-- a batch nothing.
create index transfer_day on transfer using brin (day) with (autosummarize = on);

create function journal_append(
  j_incarnation bigint, j_writer smallint, j_number bigint,
  f_shard smallint[], f_epoch bigint[],
  e_shard smallint[], e_seq bigint[], e_epoch bigint[], e_at timestamptz[], e_type text[], e_subject uuid[], e_data json[],
  e_target smallint[], e_target_seq bigint[], e_cause_source smallint[], e_cause_seq bigint[],
  t_shard smallint[], t_account uuid[], t_entry bigint[], t_id uuid[], t_at timestamptz[], t_day date[], t_kind smallint[],
  t_debit uuid[], t_credit uuid[], t_amount bigint[], t_balance_after bigint[], t_task uuid[], t_reason smallint[],
  t_shuffle uuid[],
  s_shard smallint[], s_id uuid[], s_replaces bigint[], s_version bigint[], s_status smallint[], s_assignee uuid[],
  s_assigned_at timestamptz[], s_completed_at timestamptz[], s_assignments integer[], s_last_run bigint[],
  a_shard smallint[], a_id uuid[], a_replaces bigint[], a_version bigint[], a_balance bigint[], a_entries bigint[],
  a_open_day date[], a_fees bigint[], a_rewards bigint[], a_paid_out bigint[],
  c_shard smallint[], c_source smallint[], c_position bigint[],
  d_shard smallint[], d_day date[], d_fees bigint[], d_rewards bigint[], d_paid_out bigint[], d_completed bigint[],
  d_paid bigint[],
  k_shard smallint[], k_kind smallint[], k_entity uuid[], k_scope uuid[], k_hash text[], k_answer text[], k_at timestamptz[],
  rare jsonb
) returns void language plpgsql as $$
declare
  held smallint[];
  written bigint;
  inserted bigint;
begin
  -- The fence. Waits for whoever changes a lease, then sees the row as that change left it.
  held := array(
    select s.shard
    from shard s join unnest(f_shard, f_epoch) as f (shard, epoch) on s.shard = f.shard and s.epoch = f.epoch
    where s.owner = j_incarnation
    order by s.shard
    for key share of s);
  if cardinality(held) <> cardinality(f_shard) then
    raise exception using errcode = 'AT001', message = 'lease lost',
      detail = 'shards ' || array_to_string(array(select unnest(f_shard) except select unnest(held) order by 1), ',');
  end if;

  insert into event (shard, seq, epoch, at, type, subject, data, target, target_seq, cause_source, cause_seq)
  select * from unnest(e_shard, e_seq, e_epoch, e_at, e_type, e_subject, e_data, e_target, e_target_seq, e_cause_source,
                       e_cause_seq);

  if cardinality(t_shard) > 0 then
    insert into transfer (shard, account, entry, id, at, day, kind, debit, credit, amount, balance_after, task, reason,
                          shuffle)
    select * from unnest(t_shard, t_account, t_entry, t_id, t_at, t_day, t_kind, t_debit, t_credit, t_amount,
                         t_balance_after, t_task, t_reason, t_shuffle);
  end if;

  if cardinality(s_shard) > 0 then
    update task_state t
    set version = n.version, status = n.status, assignee = n.assignee, assigned_at = n.assigned_at,
        completed_at = n.completed_at, assignments = n.assignments, last_run = n.last_run
    from unnest(s_shard, s_id, s_replaces, s_version, s_status, s_assignee, s_assigned_at, s_completed_at, s_assignments,
                s_last_run)
      as n (shard, id, replaces, version, status, assignee, assigned_at, completed_at, assignments, last_run)
    where t.shard = n.shard and t.id = n.id and t.version = n.replaces;
    get diagnostics written = row_count;
    if written <> cardinality(s_shard) then
      raise exception using errcode = 'AT002', message = 'a task snapshot replaces another version than the stored one';
    end if;
  end if;

  if cardinality(a_shard) > 0 then
    insert into account (shard, id, version, balance, entries, open_day, fees, rewards, paid_out)
    select n.shard, n.id, n.version, n.balance, n.entries, n.open_day, n.fees, n.rewards, n.paid_out
    from unnest(a_shard, a_id, a_replaces, a_version, a_balance, a_entries, a_open_day, a_fees, a_rewards, a_paid_out)
      as n (shard, id, replaces, version, balance, entries, open_day, fees, rewards, paid_out)
    where n.replaces = 0;
    get diagnostics inserted = row_count;
    update account a
    set version = n.version, balance = n.balance, entries = n.entries, open_day = n.open_day, fees = n.fees,
        rewards = n.rewards, paid_out = n.paid_out
    from unnest(a_shard, a_id, a_replaces, a_version, a_balance, a_entries, a_open_day, a_fees, a_rewards, a_paid_out)
      as n (shard, id, replaces, version, balance, entries, open_day, fees, rewards, paid_out)
    where n.replaces > 0 and a.shard = n.shard and a.id = n.id and a.version = n.replaces;
    get diagnostics written = row_count;
    if inserted + written <> cardinality(a_shard) then
      raise exception using errcode = 'AT002',
        message = 'an account snapshot replaces another version than the stored one';
    end if;
  end if;

  if cardinality(c_shard) > 0 then
    insert into inbox_cursor (shard, source, position)
    select * from unnest(c_shard, c_source, c_position)
    on conflict (shard, source) do update set position = excluded.position;
  end if;

  if cardinality(d_shard) > 0 then
    insert into shard_day as f (shard, day, fees, rewards, paid_out, completed, paid)
    select * from unnest(d_shard, d_day, d_fees, d_rewards, d_paid_out, d_completed, d_paid)
    on conflict (shard, day) do update
    set fees = f.fees + excluded.fees, rewards = f.rewards + excluded.rewards, paid_out = f.paid_out + excluded.paid_out,
        completed = f.completed + excluded.completed, paid = f.paid + excluded.paid;
  end if;

  if cardinality(k_shard) > 0 then
    insert into kept_answer (shard, entity_kind, entity_id, scope, request_hash, answer, at)
    select * from unnest(k_shard, k_kind, k_entity, k_scope, k_hash, k_answer, k_at)
    on conflict (shard, entity_kind, entity_id, scope) do update      -- a key used again after its retention
    set request_hash = excluded.request_hash, answer = excluded.answer, at = excluded.at;
  end if;

  if rare is not null then
    perform journal_append_rare(rare);
  end if;

  insert into journal_batch (incarnation, writer, number) values (j_incarnation, j_writer, j_number)
  on conflict (incarnation, writer) do update set number = excluded.number;
end $$;

-- The rows of a batch that are few: one JSON object, a list per table.
create function journal_append_rare(rare jsonb) returns void language plpgsql as $$
declare
  written bigint;
  inserted bigint;
begin
  if rare ? 'tasks' then
    insert into task (shard, id, title, jira_id, description, external_ref, fee, reward, created_by, created_at)
    select shard, id, title, jira_id, description, external_ref, fee, reward, created_by, created_at
    from jsonb_to_recordset(rare -> 'tasks') as (
      shard smallint, id uuid, title text, jira_id text, description text, external_ref text, fee bigint, reward bigint,
      created_by uuid, created_at timestamptz);
    insert into task_state (shard, id, version, status, assignee, assigned_at, completed_at, assignments, last_run,
                            created_at)
    select shard, id, version, status, assignee, assigned_at, completed_at, assignments, last_run, created_at
    from jsonb_to_recordset(rare -> 'tasks') as (
      shard smallint, id uuid, version bigint, status smallint, assignee uuid, assigned_at timestamptz,
      completed_at timestamptz, assignments integer, last_run bigint, created_at timestamptz);
  end if;

  if rare ? 'employees' then
    insert into employee (id, number, login, login_key, email, name, role, active, password_hash, beak_hash, created_at,
                          version)
    select id, number, login, login_key, email, name, role, active, password_hash, beak_hash, created_at, version
    from jsonb_to_recordset(rare -> 'employees') as (
      id uuid, number bigint, login text, login_key text, email text, name text, role smallint, active boolean,
      password_hash text, beak_hash text, created_at timestamptz, version bigint)
    on conflict (id) do update
    set login = excluded.login, login_key = excluded.login_key, email = excluded.email, name = excluded.name,
        role = excluded.role, active = excluded.active, password_hash = excluded.password_hash,
        beak_hash = excluded.beak_hash, version = excluded.version;
  end if;

  if rare ? 'shuffles' then
    insert into shuffle (run, id, status, requested_by, requested_at, started_at, finished_at, open_tasks, reassigned, seed)
    select run, id, status, requested_by, requested_at, started_at, finished_at, open_tasks, reassigned, seed
    from jsonb_to_recordset(rare -> 'shuffles') as (
      run bigint, id uuid, status smallint, requested_by uuid, requested_at timestamptz, started_at timestamptz,
      finished_at timestamptz, open_tasks bigint, reassigned bigint, seed numeric)
    on conflict (run) do update
    set status = excluded.status, started_at = excluded.started_at, finished_at = excluded.finished_at,
        open_tasks = excluded.open_tasks, reassigned = excluded.reassigned;
  end if;

  if rare ? 'rosters' then
    insert into shuffle_roster (run, ordinal, account)
    select r.run, a.ordinal::integer - 1, a.account::uuid
    from jsonb_to_recordset(rare -> 'rosters') as r (run bigint, accounts jsonb),
         jsonb_array_elements_text(r.accounts) with ordinality as a (account, ordinal);
  end if;

  if rare ? 'payouts' then
    insert into payout (day, status, requested_by, started_at, finished_at, accounts_paid, total_paid)
    select day, status, requested_by, started_at, finished_at, accounts_paid, total_paid
    from jsonb_to_recordset(rare -> 'payouts') as (
      day date, status smallint, requested_by uuid, started_at timestamptz, finished_at timestamptz, accounts_paid bigint,
      total_paid bigint)
    on conflict (day) do update
    set status = excluded.status, finished_at = excluded.finished_at, accounts_paid = excluded.accounts_paid,
        total_paid = excluded.total_paid;
  end if;

  if rare ? 'shard_states' then
    insert into shard_state (shard, version, open_day, run_begun, run_started_at, run_done, run_open, paid_through)
    select shard, version, open_day, run_begun, run_started_at, run_done, run_open, paid_through
    from jsonb_to_recordset(rare -> 'shard_states') as (
      shard smallint, replaces bigint, version bigint, open_day date, run_begun bigint, run_started_at timestamptz,
      run_done bigint, run_open bigint, paid_through date)
    where replaces = 0;
    get diagnostics inserted = row_count;
    update shard_state s
    set version = n.version, open_day = n.open_day, run_begun = n.run_begun, run_started_at = n.run_started_at,
        run_done = n.run_done, run_open = n.run_open, paid_through = n.paid_through
    from jsonb_to_recordset(rare -> 'shard_states') as n (
      shard smallint, replaces bigint, version bigint, open_day date, run_begun bigint, run_started_at timestamptz,
      run_done bigint, run_open bigint, paid_through date)
    where n.replaces > 0 and s.shard = n.shard and s.version = n.replaces;
    get diagnostics written = row_count;
    if inserted + written <> jsonb_array_length(rare -> 'shard_states') then
      raise exception using errcode = 'AT002', message = 'a shard snapshot replaces another version than the stored one';
    end if;
  end if;

  if rare ? 'sessions' then
    delete from session s
    using jsonb_to_recordset(rare -> 'sessions') as n (shard smallint, account uuid, family uuid, state jsonb)
    where n.state is null and s.shard = n.shard and s.account = n.account and s.family = n.family;
    insert into session (shard, account, family, state, expires_at)
    select shard, account, family, state, expires_at
    from jsonb_to_recordset(rare -> 'sessions') as (
      shard smallint, account uuid, family uuid, state jsonb, expires_at timestamptz)
    where state is not null
    on conflict (shard, account, family) do update set state = excluded.state, expires_at = excluded.expires_at;
  end if;

  if rare ? 'mails' then                       -- to the address and name of this moment (contract.md B9)
    insert into mail (shard, account, day, amount, address, name)
    select m.shard, m.account, m.day, m.amount, e.email, e.name
    from jsonb_to_recordset(rare -> 'mails') as m (shard smallint, account uuid, day date, amount bigint)
    join employee e on e.id = m.account;
    get diagnostics written = row_count;
    if written <> jsonb_array_length(rare -> 'mails') then
      raise exception using errcode = 'AT002', message = 'a letter for an account that is no employee';
    end if;
  end if;
end $$;
