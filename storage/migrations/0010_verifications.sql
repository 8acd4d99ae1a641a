-- Verifications that somebody has asked a node for (POST /v1/ops/verify).

create table verification (
  id           uuid primary key,
  by           uuid        not null,
  requested_at timestamptz not null default clock_timestamp(),
  runner       bigint      not null references node (incarnation),
  status       smallint    not null default 1 check (status in (1, 2)),  -- 1 running, 2 done
  progress     text,                    -- what it looks at; null: it waits for its turn, or is done
  finished_at  timestamptz,
  result       json,
  check ((status = 2) = (finished_at is not null) and (status = 2) = (result is not null))
);
