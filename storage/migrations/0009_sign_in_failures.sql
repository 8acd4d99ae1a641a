-- Secrets that were tried and did not fit, counted for all nodes together (contract.md §3, POST /auth).

create table sign_in_failure (
  key     text        not null,                   -- of a login, or of an address: a keyed hash
  attempt uuid        not null,
  at      timestamptz not null,
  primary key (attempt, key)
);
create index sign_in_failure_of_key on sign_in_failure (key, at);
create index sign_in_failure_old on sign_in_failure (at);

-- Counts an attempt under each key before it is known to have failed. A key that has its `most` failures within `span`
-- already is shut: then nothing is counted. Answers for each key the seconds until it opens, 0 for one that is not shut.
-- Attempts for one key come one after another.
create function sign_in_enter(attempt_id uuid, keys text[], most integer[], span interval) returns double precision[]
language plpgsql as $$
declare
  class constant integer := 20846;                -- of these advisory locks
  now   timestamptz;
  shut  double precision[];
begin
  for i in 1 .. cardinality(keys) loop
    perform pg_advisory_xact_lock(class, hashtext(keys[i]));
  end loop;
  now := clock_timestamp();
  for i in 1 .. cardinality(keys) loop
    shut[i] := coalesce((
      select extract(epoch from f.at + span - now) from sign_in_failure f
      where f.key = keys[i] and f.at > now - span
      order by f.at desc offset most[i] - 1 limit 1), 0);
  end loop;
  if 0 < any (shut) then
    return shut;
  end if;
  insert into sign_in_failure (key, attempt, at) select key, attempt_id, now from unnest(keys) as key;
  delete from sign_in_failure where ctid = any (array(
    select ctid from sign_in_failure where at < now - span order by at limit 100 for update skip locked));
  return shut;
end $$;
