-- Entities that refuse everything, what the process died of, and events that an account could not take (design.md §7).

create table quarantine (                    -- until an operator releases the entity
  shard    smallint not null references shard,
  kind     smallint not null check (kind in (1, 2)),                     -- 1 task, 2 account
  entity   uuid not null,
  since    timestamptz not null default clock_timestamp(),
  reason   text not null,
  primary key (shard, kind, entity)
);

create table death (                         -- how often a process died while it had a message for the entity in hand
  shard    smallint not null references shard,
  kind     smallint not null check (kind in (1, 2)),
  entity   uuid not null,
  deaths   integer not null check (deaths > 0),
  last     timestamptz not null,
  primary key (shard, kind, entity)
);

create table parked (
  id          uuid primary key,              -- UUIDv5 of shard, source and target_seq
  shard       smallint not null references shard,
  source      smallint not null,             -- with target_seq: the event, as its target's line numbers it
  target_seq  bigint not null,
  account     uuid,                          -- null: the event cannot be read
  type        text not null,
  subject     uuid not null,
  at          timestamptz not null,
  data        json not null,
  reason      text not null,
  parked_at   timestamptz not null default clock_timestamp(),
  status      smallint not null default 1 check (status in (1, 2, 3)),   -- parked, replayed, dropped
  unique (shard, source, target_seq)
);
create index parked_newest on parked (parked_at desc, id desc);
create index parked_of_account on parked (shard, account) where status = 1;

-- The rows of a batch that are few, as before ...
alter function journal_append_rare(jsonb) rename to journal_append_usual;

-- ... and what went wrong.
create function journal_append_rare(rare jsonb) returns void language plpgsql as $$
begin
  perform journal_append_usual(rare);
  if rare ?| array['quarantined', 'released', 'parked', 'unparked', 'audit'] then
    perform journal_append_troubles(rare);
  end if;
end $$;

create function journal_append_troubles(rare jsonb) returns void language plpgsql as $$
declare
  written bigint;
begin
  insert into quarantine (shard, kind, entity, reason)
  select shard, kind, entity, reason
  from jsonb_to_recordset(rare -> 'quarantined') as (shard smallint, kind smallint, entity uuid, reason text)
  on conflict do nothing;

  delete from quarantine q using jsonb_to_recordset(rare -> 'released') as r (shard smallint, kind smallint, entity uuid)
  where (q.shard, q.kind, q.entity) = (r.shard, r.kind, r.entity);
  delete from death d using jsonb_to_recordset(rare -> 'released') as r (shard smallint, kind smallint, entity uuid)
  where (d.shard, d.kind, d.entity) = (r.shard, r.kind, r.entity);

  insert into parked (id, shard, source, target_seq, account, type, subject, at, data, reason)
  select id, shard, source, target_seq, account, type, subject, at, data, reason
  from jsonb_to_recordset(rare -> 'parked') as (
    id uuid, shard smallint, source smallint, target_seq bigint, account uuid, type text, subject uuid, at timestamptz,
    data json, reason text);

  if rare ? 'unparked' then
    update parked p set status = n.status
    from jsonb_to_recordset(rare -> 'unparked') as n (id uuid, status smallint) where p.id = n.id and p.status = 1;
    get diagnostics written = row_count;
    if written <> jsonb_array_length(rare -> 'unparked') then
      raise exception using errcode = 'AT002', message = 'an event that is not parked is settled';
    end if;
  end if;

  insert into ops_audit (id, by, action, target, reason, dry_run, result)
  select id, by, action, target, reason, dry_run, result
  from jsonb_to_recordset(rare -> 'audit') as (
    id uuid, by uuid, action text, target text, reason text, dry_run boolean, result json)
  on conflict (id) do nothing;
end $$;
