-- Many nodes: what a node says with each heartbeat, operators' wishes, versions of the directory, old answers.

alter table node
  add column boot_nonce    uuid     not null default '00000000-0000-0000-0000-000000000000',
  add column state         smallint not null default 1 check (state between 1 and 3),  -- 1 joining, 2 serving, 3 draining
  add column drain         boolean  not null default false,
  add column active_actors integer  not null default 0;
create index node_lives on node (name, incarnation);

alter table shard
  add column move_to       bigint  references node (incarnation),
  add column moved_by_hand boolean not null default false;

create table ops_audit (                  -- what operators did; append-only
  id      uuid primary key,
  at      timestamptz not null default clock_timestamp(),
  by      uuid        not null,
  action  text        not null,
  target  text        not null,
  reason  text        not null,
  dry_run boolean     not null,
  result  json        not null
);
create index ops_audit_newest on ops_audit (at desc, id desc);

-- The directory counts its changes: whoever knows version n reads what came after it.
alter table employee add column changed bigint;
update employee set changed = number;
alter table employee alter column changed set not null;
create unique index employee_changed on employee (changed);

-- Old answers and sessions that are over are swept shard by shard.
drop index kept_answer_age;
create index kept_answer_old on kept_answer (shard, at);
create index session_over on session (shard, expires_at);

create function journal_append_employees(rows jsonb) returns void language plpgsql as $$
begin
  insert into employee (id, number, login, login_key, email, name, role, active, password_hash, beak_hash, created_at,
                        version, changed)
  select id, number, login, login_key, email, name, role, active, password_hash, beak_hash, created_at, version, changed
  from jsonb_to_recordset(rows) as (
    id uuid, number bigint, login text, login_key text, email text, name text, role smallint, active boolean,
    password_hash text, beak_hash text, created_at timestamptz, version bigint, changed bigint)
  on conflict (id) do update
  set login = excluded.login, login_key = excluded.login_key, email = excluded.email, name = excluded.name,
      role = excluded.role, active = excluded.active, password_hash = excluded.password_hash,
      beak_hash = excluded.beak_hash, version = excluded.version, changed = excluded.changed;
end $$;

-- The rows of a batch that are few: one JSON object, a list per table.
create or replace function journal_append_rare(rare jsonb) returns void language plpgsql as $$
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
    perform journal_append_employees(rare -> 'employees');
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
