// What the log must keep by itself, whatever its events mean.

#include "storage/verify_checks.hpp"

namespace ates::storage {

namespace {

constexpr verify_check checks[] = {
    {.name = "log numbering", .differences = R"(
select 'numbering of a log', 'shard ' || shard, format('1..%s without gaps', high),
       format('%s events from %s, first missing %s', n, low, (
         select min(g) from (
           select 1::bigint as g where low > 1
           union all
           (select e.seq + 1 from event e
            where e.shard = s.shard and e.seq < high
              and not exists (select from event f where f.shard = e.shard and f.seq = e.seq + 1)
            order by e.seq limit 1)) missing))
from (select shard, count(*) as n, min(seq) as low, max(seq) as high from event group by shard) s
where low <> 1 or n <> high
)"},
    {.name = "lines between shards", .differences = R"(
with line as (
  select shard, target, count(*) as n, min(target_seq) as low, max(target_seq) as high
  from event where target is not null group by shard, target)
select 'numbering of a line', format('shard %s to %s', shard, target), format('1..%s without gaps', high),
       format('%s events from %s', n, low)
from line where low <> 1 or n <> high
union all
select 'cursor of a line', format('shard %s to %s', c.source, c.shard),
       'at most ' || coalesce(l.high, 0), c.position::text
from inbox_cursor c left join line l on l.shard = c.source and l.target = c.shard
where c.position > coalesce(l.high, 0)
)"},
    {.name = "epochs along the log", .differences = R"(
with run as (
  select shard, epoch, min(seq) as first, max(seq) as last from event group by shard, epoch),
following as (
  select *, lag(last) over w as last_before, lag(epoch) over w as epoch_before
  from run window w as (partition by shard order by epoch))
select 'epoch of an event', shard || '-' || last_before, format('at least %s, as %s-%s', epoch, shard, first),
       epoch_before::text
from following where last_before > first
union all
select 'epoch of a shard', 'shard ' || r.shard, 'at least ' || max(r.epoch), coalesce(max(s.epoch)::text, 'none')
from run r left join shard s using (shard)
group by r.shard having max(r.epoch) > coalesce(max(s.epoch), -1)
)"},
    {.name = "causes", .differences = R"(
select 'cause of an event', f.shard || '-' || f.seq,
       format('event %s of the line from shard %s', f.cause_seq, f.cause_source), 'none'
from event f
where f.cause_source is not null
  and not exists (select from event e
                  where e.shard = f.cause_source and e.target = f.shard and e.target_seq = f.cause_seq)
)"},
    {.name = "events that come once", .differences = R"(
select 'events ' || type, coalesce(day, subject::text), '1', count(*)::text
from (
  select type, subject,
         case when type = 'day.closed.v1' then 'day ' || (data ->> 'day')
              when type in ('account.day_closed.v1', 'payment_log_record.created.v1')
                then subject || ' on ' || (data ->> 'day') end as day
  from event
  where type in ('account.created.v1', 'account.day_closed.v1', 'day.closed.v1', 'payment_log_record.created.v1',
                 'shuffle.requested.v1', 'shuffle.finished.v1')) e
group by type, subject, day having count(*) > 1
)"},
};

} // namespace

std::span<const verify_check> log_checks() {
  return checks;
}

const char* const events_without_effect = R"(
select e.shard || '-' || e.seq, e.target_seq, coalesce(c.position, 0),
       extract(epoch from (select max(at) from event) - e.at)::bigint, p.status
from event e left join inbox_cursor c on c.shard = e.target and c.source = e.shard
left join parked p on p.shard = e.target and p.source = e.shard and p.target_seq = e.target_seq and p.status <> 2
where e.target is not null
  and (p.id is not null
       or not exists (select from event f
                      where f.shard = e.target and f.cause_source = e.shard and f.cause_seq = e.target_seq))
)";

const char* const checked_counts = R"(
select (select count(*) from account), (select count(*) from task), (select count(*) from transfer),
       (select count(distinct day) from shard_day)
)";

} // namespace ates::storage
