-- People leave: an account that is the last assignable one is announced to be leaving before it may (contract.md B16).

alter table employee add column leaving boolean not null default false;

create or replace function journal_append_employees(rows jsonb) returns void language plpgsql as $$
begin
  insert into employee (id, number, login, login_key, email, name, role, active, password_hash, beak_hash, created_at,
                        version, changed, leaving)
  select id, number, login, login_key, email, name, role, active, password_hash, beak_hash, created_at, version, changed,
         leaving
  from jsonb_to_recordset(rows) as (
    id uuid, number bigint, login text, login_key text, email text, name text, role smallint, active boolean,
    password_hash text, beak_hash text, created_at timestamptz, version bigint, changed bigint,
    leaving boolean)
  on conflict (id) do update
  set login = excluded.login, login_key = excluded.login_key, email = excluded.email, name = excluded.name,
      role = excluded.role, active = excluded.active, password_hash = excluded.password_hash,
      beak_hash = excluded.beak_hash, version = excluded.version, changed = excluded.changed, leaving = excluded.leaving;
end $$;
