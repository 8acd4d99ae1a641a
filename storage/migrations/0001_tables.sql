-- Every table of aTES. Columns are explained in docs/schema.md.
-- Keyed by shard first (design.md §5): a transaction touches rows of one node's shards only.
-- Enumerations are small integers; their words stand in the check beside them.

create extension if not exists pg_trgm;

-- ── what the database is ─────────────────────────────────────────────────────────────────────────────────────────────
create table setting (          -- exchange.* as stored at first start
  name  text primary key,
  value text not null
);

-- ── who is alive, who owns what ──────────────────────────────────────────────────────────────────────────────────────
create table node (
  incarnation bigint generated always as identity primary key,
  name        text        not null,
  http        text        not null default '',
  caf         text        not null default '',
  version     text        not null default '',
  pid         integer     not null default 0,
  started_at  timestamptz not null default clock_timestamp(),
  last_beat   timestamptz not null default clock_timestamp(),
  lease_until timestamptz not null,
  dead        boolean     not null default false
);
create index node_alive on node (name) where not dead;

create table shard (
  shard smallint primary key,
  owner bigint references node (incarnation),
  epoch bigint not null default 0
);

create table journal_batch (    -- the last batch each journal wrote: settles unknown outcomes
  incarnation bigint   not null,
  writer      smallint not null,
  number      bigint   not null,
  primary key (incarnation, writer)
) with (fillfactor = 50);

-- ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────
create table event (
  shard        smallint    not null,
  seq          bigint      not null,
  epoch        bigint      not null,
  at           timestamptz not null,
  type         text        not null,
  subject      uuid        not null,
  data         json        not null,
  target       smallint,
  target_seq   bigint,
  cause_source smallint,
  cause_seq    bigint,
  primary key (shard, seq),
  check ((target is null) = (target_seq is null)),
  check ((cause_source is null) = (cause_seq is null))
);
create unique index event_line on event (shard, target, target_seq) where target is not null;
create unique index event_cause on event (shard, cause_source, cause_seq) where cause_source is not null;

create table inbox_cursor (     -- every event of `source` for `shard` up to `position` has had its effect
  shard    smallint not null,
  source   smallint not null,
  position bigint   not null,
  primary key (shard, source)
) with (fillfactor = 50);

-- ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table transfer (
  shard         smallint    not null,
  account       uuid        not null,
  entry         bigint      not null,     -- number of the account's entry, from 1 without gaps
  id            uuid        not null,
  at            timestamptz not null,
  day           date        not null,
  kind          smallint    not null check (kind between 1 and 3),   -- 1 assignment_fee, 2 completion_reward, 3 payout
  debit         uuid        not null,
  credit        uuid        not null,
  amount        bigint      not null check (amount > 0),
  balance_after bigint      not null,
  task          uuid,
  reason        smallint    check (reason between 1 and 3),          -- 1 created, 2 shuffled, 3 released
  shuffle       uuid,
  primary key (shard, account, entry),
  check (account in (debit, credit) and debit <> credit)
);
create index transfer_payout on transfer (day, account) where kind = 3;

create table account (
  shard    smallint not null,
  id       uuid     not null,
  version  bigint   not null,
  balance  bigint   not null,
  entries  bigint   not null,
  open_day date     not null,             -- the day the three figures belong to
  fees     bigint   not null,
  rewards  bigint   not null,
  paid_out bigint   not null,
  primary key (shard, id)
) with (fillfactor = 50);

create table shard_day (                  -- figures of a business day, one row per shard: never a hot row
  shard     smallint not null,
  day       date     not null,
  fees      bigint   not null,
  rewards   bigint   not null,
  paid_out  bigint   not null,
  completed bigint   not null,            -- tasks whose reward was posted
  paid      bigint   not null,            -- accounts paid out
  primary key (shard, day)
) with (fillfactor = 50);

create table shard_state (
  shard          smallint primary key,
  version        bigint      not null,
  open_day       date        not null,
  run_begun      bigint      not null,
  run_started_at timestamptz not null,
  run_done       bigint      not null,
  run_open       bigint      not null,
  paid_through   date        not null
) with (fillfactor = 50);

create table payout (
  day           date primary key,
  status        smallint    not null check (status between 1 and 2), -- 1 running, 2 done
  requested_by  uuid,
  started_at    timestamptz not null,
  finished_at   timestamptz,
  accounts_paid bigint      not null,
  total_paid    bigint      not null
);

create table mail (
  shard      smallint    not null,
  account    uuid        not null,
  day        date        not null,
  amount     bigint      not null,
  address    text        not null,
  name       text        not null,
  status     smallint    not null default 1 check (status between 1 and 3), -- 1 queued, 2 sent, 3 failed
  attempts   integer     not null default 0,
  queued_at  timestamptz not null default clock_timestamp(),
  next_at    timestamptz not null default clock_timestamp(),
  message_id text        not null default '',
  primary key (shard, account, day)
);
create index mail_due on mail (shard, next_at) where status = 1;
create index mail_day on mail (day, status);

-- ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table task (                       -- what never changes with an assignment
  shard        smallint    not null,
  id           uuid        not null,
  title        text        not null,
  jira_id      text        not null default '',
  description  text        not null default '',
  external_ref text        not null default '',
  fee          bigint      not null check (fee >= 0),
  reward       bigint      not null check (reward >= 0),
  created_by   uuid        not null,
  created_at   timestamptz not null,
  primary key (shard, id)
);
create index task_newest on task (created_at desc, id desc);
create index task_jira on task (jira_id, created_at desc, id desc) where jira_id <> '';
create index task_text on task using gin ((title || ' ' || jira_id) gin_trgm_ops);

create table task_state (                 -- what does
  shard        smallint    not null,
  id           uuid        not null,
  version      bigint      not null,
  status       smallint    not null check (status between 1 and 2), -- 1 open, 2 done
  assignee     uuid        not null,
  assigned_at  timestamptz not null,
  completed_at timestamptz,
  assignments  integer     not null,
  last_run     bigint      not null,
  created_at   timestamptz not null,      -- copied from task for the indexes below
  primary key (shard, id)
) with (fillfactor = 80);
create index task_state_mine on task_state (assignee, status, created_at desc, id desc);
create index task_state_open on task_state (shard, id) where status = 1;

create table shuffle (
  run          bigint primary key,
  id           uuid        not null unique,
  status       smallint    not null check (status between 1 and 4), -- 1 queued, 2 running, 3 done, 4 failed
  requested_by uuid        not null,
  requested_at timestamptz not null,
  started_at   timestamptz,
  finished_at  timestamptz,
  open_tasks   bigint,
  reassigned   bigint,
  seed         numeric(20) not null
);

create table shuffle_roster (
  run     bigint  not null,
  ordinal integer not null,
  account uuid    not null,
  primary key (run, ordinal)
);

-- ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────
create table employee (
  id            uuid primary key,
  number        bigint      not null unique,  -- order of creation
  login         text        not null,
  login_key     text        not null unique,  -- folded: logins compare case-insensitively
  email         text        not null,
  name          text        not null,
  role          smallint    not null check (role between 1 and 4),  -- 1 admin, 2 manager, 3 accountant, 4 worker
  active        boolean     not null,
  password_hash text        not null,
  beak_hash     text        not null,
  created_at    timestamptz not null,
  version       bigint      not null
);

create table session (                    -- families of refresh tokens, state of the account's shard
  shard      smallint    not null,
  account    uuid        not null,
  family     uuid        not null,
  state      jsonb       not null,
  expires_at timestamptz not null,
  primary key (shard, account, family)
);

create table kept_answer (                -- Idempotency-Keys, state of the entity that had the effect
  shard        smallint    not null,
  entity_kind  smallint    not null,
  entity_id    uuid        not null,
  scope        uuid        not null,
  request_hash text        not null,
  answer       text        not null,
  at           timestamptz not null,
  primary key (shard, entity_kind, entity_id, scope)
);
create index kept_answer_age on kept_answer (at);
