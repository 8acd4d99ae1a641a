// Money: every figure against the transfers, every transfer against the event that caused it and the one that
// tells of it.

#include "storage/verify_checks.hpp"

namespace ates::storage {

namespace {

// As the balance moves: rewards up, fees and payouts down.
#define SIGNED "case kind when 2 then amount else -amount end"
#define KIND "case kind when 1 then 'assignment_fee' when 2 then 'completion_reward' else 'payout' end"
#define REASON "case reason when 1 then 'created' when 2 then 'shuffled' when 3 then 'released' end"
#define FEES "coalesce(sum(amount) filter (where kind = 1), 0)::bigint as fees"
#define REWARDS "coalesce(sum(amount) filter (where kind = 2), 0)::bigint as rewards"
#define PAID_OUT "coalesce(sum(amount) filter (where kind = 3), 0)::bigint as paid_out"

constexpr verify_check checks[] = {
    {.name = "entries of accounts", .differences = R"(
with entry as (
  select *, )" SIGNED R"( as moved, coalesce(lag(entry) over w, 0) as entry_before,
         coalesce(lag(balance_after) over w, 0) as balance_before, lag(day) over w as day_before
  from transfer window w as (partition by shard, account order by entry))
select v.what, e.id::text, v.expected, v.found
from entry e, lateral (values
  ('number of an entry', (entry_before + 1)::text, entry::text),
  ('balance after an entry', (balance_before + moved)::text, balance_after::text),
  ('day of an entry', greatest(day_before, day)::text, day::text),
  ('debit of a transfer', case kind when 2 then '00000000-0000-0000-0000-000000000002' else account::text end,
   debit::text),
  ('credit of a transfer', case kind when 1 then '00000000-0000-0000-0000-000000000001' when 2 then account::text
                           else '00000000-0000-0000-0000-000000000003' end, credit::text)
) as v (what, expected, found)
where (entry <> entry_before + 1 or balance_after <> balance_before + moved or day < day_before
       or (debit, credit) is distinct from (
         case kind when 2 then '00000000-0000-0000-0000-000000000002'::uuid else account end,
         case kind when 1 then '00000000-0000-0000-0000-000000000001'::uuid when 2 then account
         else '00000000-0000-0000-0000-000000000003'::uuid end))
  and v.expected is distinct from v.found
)"},
    {.name = "balances", .differences = R"(
with day as (
  select shard, account, day, count(*) as n, )" FEES ", " REWARDS ", " PAID_OUT R"(
  from transfer group by shard, account, day),
total as (
  select shard, account, sum(n)::bigint as n, sum(rewards - fees - paid_out)::bigint as balance, max(day) as last_day
  from day group by shard, account)
select v.what, coalesce(a.id, t.account)::text, v.expected, v.found
from account a full join total t on t.shard = a.shard and t.account = a.id
left join day d on d.shard = a.shard and d.account = a.id and d.day = a.open_day
cross join lateral (values
  ('account', 'a row', case when a.id is null then 'none' else 'a row' end),
  ('balance of an account', coalesce(t.balance, 0)::text, a.balance::text),
  ('entries of an account', coalesce(t.n, 0)::text, a.entries::text),
  ('open day of an account', greatest(t.last_day, a.open_day)::text, a.open_day::text),
  ('fees of an account''s open day', coalesce(d.fees, 0)::text, a.fees::text),
  ('rewards of an account''s open day', coalesce(d.rewards, 0)::text, a.rewards::text),
  ('paid_out of an account''s open day', coalesce(d.paid_out, 0)::text, a.paid_out::text)
) as v (what, expected, found)
where v.expected is distinct from v.found and (a.id is not null or v.what = 'account')
union all
select 'account of an employee', e.id::text, 'at most one row', count(*)::text
from employee e join account a on a.id = e.id group by e.id having count(*) > 1
union all
select 'employee of an account', a.id::text, 'an employee', 'none'
from account a where not exists (select from employee e where e.id = a.id)
)"},
    {.name = "daily figures", .differences = R"(
with posted as (
  select shard, day, )" FEES ", " REWARDS ", " PAID_OUT R"(,
         count(*) filter (where kind = 2) as completed, count(*) filter (where kind = 3) as paid
  from transfer group by shard, day)
select v.what, format('shard %s, day %s', coalesce(d.shard, p.shard), coalesce(d.day, p.day)), v.expected, v.found
from shard_day d full join posted p on p.shard = d.shard and p.day = d.day
cross join lateral (values
  ('fees of a day', coalesce(p.fees, 0)::text, coalesce(d.fees, 0)::text),
  ('rewards of a day', coalesce(p.rewards, 0)::text, coalesce(d.rewards, 0)::text),
  ('paid_out of a day', coalesce(p.paid_out, 0)::text, coalesce(d.paid_out, 0)::text),
  ('tasks completed on a day', coalesce(p.completed, 0)::text, coalesce(d.completed, 0)::text),
  ('accounts paid on a day', coalesce(p.paid, 0)::text, coalesce(d.paid, 0)::text)
) as v (what, expected, found)
where v.expected is distinct from v.found
)"},
    // Both sides of the books: what all accounts hold is what the company gave and took.
    {.name = "books", .differences = R"(
select 'balance of the books', 'company', t.owed::text, a.held::text
from (select coalesce(sum()" SIGNED R"(), 0) as owed from transfer) t,
     (select coalesce(sum(balance), 0) as held from account) a
where t.owed <> a.held
)"},
    // The data of the event, written from the transfer as storage/event_json.cpp does, is the quick way to
    // equality.
    {.name = "audit log records",
     .suspects = R"(
select coalesce(t.account, e.subject)
from (select shard, account, count(*) as n, bit_xor(hashtextextended(
        '{"transfer_id":"' || id || '","account_id":"' || account || '","day":"' || day || '","kind":"' || )" KIND
                 R"(
        || '","amount":' || )" SIGNED R"( || ',"balance_after":' || balance_after || ',"task_id":'
        || coalesce('"' || task || '"', 'null') || '}', 0)) as fingerprint
      from transfer group by shard, account) t
full join (select shard, subject, count(*) as n, bit_xor(hashtextextended(data::text, 0)) as fingerprint
           from event where type = 'audit_log_record.created.v1' group by shard, subject) e
  on e.shard = t.shard and e.subject = t.account
where (t.n, t.fingerprint) is distinct from (e.n, e.fingerprint)
)",
     .differences = R"(
with posted as (
  select id, concat_ws(', ', account, day, )" KIND ", " SIGNED R"(, balance_after, task) as content
  from transfer where account = any($1::uuid[])),
told as (
  select e.shard || '-' || e.seq as id, j.transfer_id,
         concat_ws(', ', j.account_id, j.day, j.kind, j.amount, j.balance_after, j.task_id) as content
  from event e, json_to_record(e.data) as j (transfer_id uuid, account_id uuid, day date, kind text, amount bigint,
                                             balance_after bigint, task_id uuid)
  where e.type = 'audit_log_record.created.v1' and e.subject = any($1::uuid[])),
often as (select transfer_id, count(*) as n from told group by transfer_id)
select 'audit_log_record of a transfer', p.id::text, '1', coalesce(o.n, 0)::text
from posted p left join often o on o.transfer_id = p.id where o.n is distinct from 1
union all
select 'transfer of an audit_log_record', t.id, 'transfer ' || t.transfer_id, 'none'
from told t where not exists (select from posted p where p.id = t.transfer_id)
union all
select 'content of an audit_log_record', t.id, p.content, t.content
from told t join posted p on p.id = t.transfer_id where p.content <> t.content
)"},
    // One fee per task.assigned, one reward per task.completed. $2: events that have had no effect yet.
    {.name = "postings",
     .suspects = R"(
with owed as (
  select e.target as shard, j.account_id as account, e.type = 'task.completed.v1' as reward, e.subject as task,
         coalesce(j.fee, j.reward) as amount, j.reason, j.shuffle_id as shuffle
  from event e, json_to_record(e.data) as j (account_id uuid, reason text, shuffle_id uuid, fee bigint, reward bigint)
  where e.type in ('task.assigned.v1', 'task.completed.v1') and e.shard || '-' || e.seq <> all($1::text[]))
select coalesce(t.account, o.account)
from (select shard, account, count(*) as n, bit_xor(hashtextextended(
        concat_ws('|', kind = 2, task, amount, )" REASON R"(, shuffle), 0)) as fingerprint
      from transfer where kind <> 3 group by shard, account) t
full join (select shard, account, count(*) as n,
                  bit_xor(hashtextextended(concat_ws('|', reward, task, amount, reason, shuffle), 0)) as fingerprint
           from owed group by shard, account) o
  on o.shard = t.shard and o.account = t.account
where (t.n, t.fingerprint) is distinct from (o.n, o.fingerprint)
)",
     .differences = R"(
with owed as (
  select e.shard || '-' || e.seq as id, e.target as shard, j.account_id as account, e.subject as task,
         concat_ws(', ', case e.type when 'task.assigned.v1' then 'assignment_fee' else 'completion_reward' end,
                   coalesce(j.fee, j.reward), j.reason, j.shuffle_id) as content
  from event e, json_to_record(e.data) as j (account_id uuid, reason text, shuffle_id uuid, fee bigint, reward bigint)
  where e.type in ('task.assigned.v1', 'task.completed.v1') and j.account_id = any($1::uuid[])
    and e.shard || '-' || e.seq <> all($2::text[])),
posted as (
  select id, shard, account, task, concat_ws(', ', )" KIND ", amount, " REASON R"(, shuffle) as content
  from transfer where kind <> 3 and account = any($1::uuid[])),
numbered_owed as (
  select *, row_number() over (partition by shard, account, task, content order by id) as nth from owed),
numbered_posted as (
  select *, row_number() over (partition by shard, account, task, content order by id) as nth from posted)
select case when o.id is null then 'event of a transfer' else 'transfer of an event' end,
       coalesce(o.id, p.id::text),
       format('%s of task %s for account %s', coalesce(o.content, p.content), coalesce(o.task, p.task),
              coalesce(o.account, p.account)), 'none'
from numbered_owed o full join numbered_posted p
  on p.shard = o.shard and p.account = o.account and p.task = o.task and p.content = o.content and p.nth = o.nth
where o.id is null or p.id is null
)"},
    {.name = "closed days of accounts", .differences = R"(
with day as (
  select shard, account, day, )" FEES ", " REWARDS ", " PAID_OUT R"(
  from transfer group by shard, account, day),
closed as (
  select d.*, sum(d.rewards - d.fees - d.paid_out) over (partition by d.shard, d.account order by d.day)::bigint as balance,
         a.open_day
  from day d join account a on a.shard = d.shard and a.id = d.account),
told as (
  select e.shard, e.subject, j.*
  from event e, json_to_record(e.data) as j (day date, fees bigint, rewards bigint, paid_out bigint, balance bigint)
  where e.type = 'account.day_closed.v1')
select 'account.day_closed', format('%s on %s', coalesce(c.account, t.subject), coalesce(c.day, t.day)),
       case when c.day < c.open_day then concat_ws(', ', c.fees, c.rewards, c.paid_out, c.balance) else 'none' end,
       case when t.day is not null then concat_ws(', ', t.fees, t.rewards, t.paid_out, t.balance) else 'none' end
from closed c full join told t on t.shard = c.shard and t.subject = c.account and t.day = c.day
where (c.day is null or c.day < c.open_day or t.day is not null)
  and (c.fees, c.rewards, c.paid_out, c.balance, c.day < c.open_day) is distinct from
      (t.fees, t.rewards, t.paid_out, t.balance, true)
)"},
    {.name = "payouts", .differences = R"(
with paid as (select shard, account, day, amount from transfer where kind = 3),
told as (
  select e.shard, e.subject as account, j.*
  from event e, json_to_record(e.data) as j (day date, amount bigint) where e.type = 'payment_log_record.created.v1'),
per_day as (select day, count(*) as n, sum(amount)::bigint as total from paid group by day)
select v.what, format('%s on %s', coalesce(p.account, t.account, m.account), coalesce(p.day, t.day, m.day)),
       v.expected, v.found
from paid p full join told t on t.shard = p.shard and t.account = p.account and t.day = p.day
full join mail m on m.shard = coalesce(p.shard, t.shard) and m.account = coalesce(p.account, t.account)
  and m.day = coalesce(p.day, t.day)
cross join lateral (values
  ('payment_log_record of a payout', coalesce(p.amount::text, 'none'), coalesce(t.amount::text, 'none')),
  ('mail of a payout', coalesce(p.amount::text, 'none'), coalesce(m.amount::text, 'none'))
) as v (what, expected, found)
where v.expected <> v.found
union all
select v.what, 'day ' || r.day, v.expected, v.found
from payout r left join per_day d on d.day = r.day,
lateral (values
  ('accounts paid by a payout run', coalesce(d.n, 0)::text, r.accounts_paid::text),
  ('total paid by a payout run', coalesce(d.total, 0)::text, r.total_paid::text)
) as v (what, expected, found)
where r.status = 2 and v.expected <> v.found
)"},
    {.name = "letters", .differences = R"(
with told as (
  select e.shard, e.subject as account, j.day,
         string_agg(concat_ws(', ', e.type, j.amount, j.attempts), '; ' order by e.seq) as what
  from event e, json_to_record(e.data) as j (day date, amount bigint, attempts integer)
  where e.type in ('email.sent.v1', 'email.failed.v1') group by e.shard, e.subject, j.day),
known as (
  select *, case status when 2 then concat_ws(', ', 'email.sent.v1', amount, attempts)
                        when 3 then concat_ws(', ', 'email.failed.v1', amount, attempts) else 'none' end as what
  from mail)
select 'event of a letter', format('%s on %s', coalesce(m.account, t.account), coalesce(m.day, t.day)),
       coalesce(m.what, 'none'), coalesce(t.what, 'none')
from known m full join told t on t.shard = m.shard and t.account = m.account and t.day = m.day
where coalesce(m.what, 'none') <> coalesce(t.what, 'none')
)"},
    {.name = "closed days", .differences = R"(
with told as (
  select j.day, count(*) as n, max(j.total_paid) as total_paid
  from event e, json_to_record(e.data) as j (day date, total_paid bigint) where e.type = 'day.closed.v1' group by j.day)
select v.what, 'day ' || coalesce(r.day, t.day), v.expected, v.found
from (select * from payout where status = 2) r full join told t on t.day = r.day
cross join lateral (values
  ('payout run of a closed day', 'done', case when r.day is null then 'none' else 'done' end),
  ('day.closed of a payout run', '1', coalesce(t.n, 0)::text),
  ('total paid in day.closed', coalesce(r.total_paid::text, t.total_paid::text), coalesce(t.total_paid::text, r.total_paid::text))
) as v (what, expected, found)
where v.expected <> v.found
)"},
};

#undef SIGNED
#undef KIND
#undef REASON
#undef FEES
#undef REWARDS
#undef PAID_OUT

} // namespace

std::span<const verify_check> money_checks() {
  return checks;
}

} // namespace ates::storage
