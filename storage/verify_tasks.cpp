// Tasks: what their events say they are, against what is stored.

#include "storage/verify_checks.hpp"

namespace ates::storage {

namespace {

constexpr verify_check checks[] = {
    // Versions, counts and times need no look into the events: one group per task.
    {.name = "task states", .differences = R"(
with log as (
  select shard, subject as id,
         count(*) filter (where type = 'task.created.v2') as created,
         count(*) filter (where type = 'task.estimated.v1') as estimated,
         count(*) filter (where type = 'task.assigned.v1') as assigned,
         count(*) filter (where type = 'task.completed.v1') as completed,
         count(*) filter (where type = 'task.updated.v1') as updated,
         max(at) filter (where type = 'task.created.v2') as created_at,
         max(at) filter (where type = 'task.assigned.v1') as assigned_at,
         max(at) filter (where type = 'task.completed.v1') as completed_at
  from event
  where type in ('task.created.v2', 'task.estimated.v1', 'task.assigned.v1', 'task.completed.v1', 'task.updated.v1')
  group by shard, subject),
task_and_state as (
  select coalesce(t.shard, s.shard) as shard, coalesce(t.id, s.id) as id, t.id as task, s.id as state,
         s.version, s.status, s.assignments, t.created_at, s.created_at as state_created_at, s.assigned_at,
         s.completed_at
  from task t full join task_state s on s.shard = t.shard and s.id = t.id)
select v.what, coalesce(s.id, l.id)::text, v.expected, v.found
from task_and_state s full join log l on l.shard = s.shard and l.id = s.id
cross join lateral (values
  ('task', 'a row', case when s.task is null then 'none' else 'a row' end),
  ('state of a task', 'a row', case when s.state is null then 'none' else 'a row' end),
  ('events task.created of a task', '1', coalesce(l.created, 0)::text),
  ('events task.estimated of a task', '1', coalesce(l.estimated, 0)::text),
  ('events task.completed of a task', case s.status when 2 then '1' else '0' end, coalesce(l.completed, 0)::text),
  ('status of a task', case when l.completed > 0 then 'done' else 'open' end,
   case s.status when 2 then 'done' else 'open' end),
  ('assignments of a task', l.assigned::text, s.assignments::text),
  ('version of a task', (l.assigned + l.completed + l.updated)::text, s.version::text),
  ('created_at of a task', l.created_at::text, s.created_at::text),
  ('created_at of the state of a task', l.created_at::text, s.state_created_at::text),
  ('assigned_at of a task', l.assigned_at::text, s.assigned_at::text),
  ('completed_at of a task', l.completed_at::text, s.completed_at::text)
) as v (what, expected, found)
where (s.task is null or s.state is null or l.id is null
       or (l.created, l.estimated, l.assigned, l.completed) is distinct from
          (1::bigint, 1::bigint, s.assignments::bigint, (s.status - 1)::bigint)
       or (l.assigned + l.completed + l.updated, l.created_at, l.created_at, l.assigned_at, l.completed_at)
          is distinct from (s.version, s.created_at, s.state_created_at, s.assigned_at, s.completed_at))
  and v.expected is distinct from v.found
)"},
    {.name = "tasks and their prices", .differences = R"(
select v.what, t.id::text, v.expected, v.found
from event e join task t on t.shard = e.shard and t.id = e.subject
left join task_state s on s.shard = t.shard and s.id = t.id,
lateral json_to_record(e.data) as j (title text, jira_id text, description text, created_by uuid, fee bigint,
                                     reward bigint, account_id uuid, fees bigint),
lateral (values
  ('task.created.v2', 'created_by of a task', j.created_by::text, t.created_by::text),
  ('task.estimated.v1', 'fee of a task', j.fee::text, t.fee::text),
  ('task.estimated.v1', 'reward of a task', j.reward::text, t.reward::text),
  ('task.completed.v1', 'assignee of a done task', j.account_id::text, s.assignee::text),
  ('task.completed.v1', 'reward in task.completed', t.reward::text, j.reward::text),
  ('task.completed.v1', 'fees in task.completed', (t.fee * s.assignments)::text, j.fees::text)
) as v (type, what, expected, found)
where e.type in ('task.created.v2', 'task.estimated.v1', 'task.completed.v1')
  and v.type = e.type and v.expected is distinct from v.found
  and case e.type
        when 'task.created.v2' then j.created_by is distinct from t.created_by
        when 'task.estimated.v1' then (j.fee, j.reward) is distinct from (t.fee, t.reward)
        else (j.account_id, j.reward, j.fees) is distinct from (s.assignee, t.reward, t.fee * s.assignments) end
)"},
    // The words of a task are those of its last task.created or task.updated.
    {.name = "titles and descriptions", .differences = R"(
with edited as (
  select shard, subject, max(seq) as seq from event where type = 'task.updated.v1' group by shard, subject)
select v.what, t.id::text, v.expected, v.found
from event e
left join edited x on x.shard = e.shard and x.subject = e.subject
join task t on t.shard = e.shard and t.id = e.subject,
lateral json_to_record(e.data) as j (title text, jira_id text, description text),
lateral (values
  ('title of a task', j.title, t.title),
  ('jira_id of a task', coalesce(j.jira_id, ''), t.jira_id),
  ('description of a task', coalesce(j.description, ''), t.description)
) as v (what, expected, found)
where (e.type = 'task.created.v2' and x.seq is null or e.type = 'task.updated.v1' and x.seq = e.seq)
  and (j.title, coalesce(j.jira_id, ''), coalesce(j.description, '')) is distinct from
      (t.title, t.jira_id, t.description)
  and v.expected is distinct from v.found
)"},
    // Each assignment names the one before it; the last one is the task's assignee.
    {.name = "assignments", .differences = R"(
with assigned as (
  select e.shard, e.subject, e.seq, j.account_id, j.previous_account_id, j.reason, j.fee,
         lag(j.account_id) over w as before, lead(e.seq) over w as next,
         max(r.run) over (partition by e.shard, e.subject) as last_run
  from event e
  cross join lateral json_to_record(e.data) as j (account_id uuid, previous_account_id uuid, reason text,
                                                  shuffle_id uuid, fee bigint)
  left join shuffle r on r.id = j.shuffle_id
  where e.type = 'task.assigned.v1'
  window w as (partition by e.shard, e.subject order by e.seq))
select v.what, v.id, v.expected, v.found
from assigned a join task t on t.shard = a.shard and t.id = a.subject
join task_state s on s.shard = t.shard and s.id = t.id
cross join lateral (values
  ('previous account of an assignment', a.shard || '-' || a.seq, a.before::text, a.previous_account_id::text),
  ('reason of an assignment', a.shard || '-' || a.seq,
   case when a.before is null then 'created' when a.reason = 'created' then 'shuffled or released' else a.reason end,
   a.reason),
  ('fee of an assignment', a.shard || '-' || a.seq, t.fee::text, a.fee::text),
  ('assignee of a task', t.id::text, a.account_id::text, s.assignee::text),
  ('last shuffle run of a task', t.id::text, coalesce(a.last_run, 0)::text, s.last_run::text)
) as v (what, id, expected, found)
where ((a.previous_account_id, a.fee) is distinct from (a.before, t.fee)
       or (a.before is null) <> (a.reason = 'created')
       or a.next is null and (a.account_id, coalesce(a.last_run, 0)) is distinct from (s.assignee, s.last_run))
  and (a.next is null or v.what not in ('assignee of a task', 'last shuffle run of a task'))
  and v.expected is distinct from v.found
)"},
    {.name = "assignees", .differences = R"(
select 'assignee of an open task', s.id::text, 'an employee', s.assignee::text
from task_state s where s.status = 1 and not exists (select from employee e where e.id = s.assignee)
)"},
    // A run is done only when everything it causes is posted.
    {.name = "shuffles", .differences = R"(
select 'reassigned by a shuffle', s.id::text, coalesce(t.n, 0)::text, s.reassigned::text
from shuffle s
left join (select shuffle, count(*) as n from transfer where shuffle is not null group by shuffle) t on t.shuffle = s.id
where s.status = 3 and s.reassigned is distinct from coalesce(t.n, 0)
)"},
};

} // namespace

std::span<const verify_check> task_checks() {
  return checks;
}

} // namespace ates::storage
