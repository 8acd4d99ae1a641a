-- One completion with its reward posted, in one hand-written statement: the durable rows that the daemon writes for it.
--
--   pgbench -n -M prepared -c 64 -j 2 -t <tasks/64> -D per_client=<tasks/64> -D i=-1 -f one_statement.sql
--
-- Which task, and its numbers in the logs, stand in bench_task (bench_prepare --baseline), so that no client waits for
-- another one over them; carried out to the end, the books are right and the logs without gaps.
\set i :i + 1
\set n :client_id * :per_client + :i
with job as materialized (
  select b.*, clock_timestamp() as at from bench_task b where n = :n
), task as (
  update task_state s
  set version = s.version + 1, status = 2, completed_at = j.at
  from job j
  where s.shard = j.shard and s.id = j.task and s.status = 1 and s.assignee = j.account
  returning j.*
), completed as (
  insert into event (shard, seq, epoch, at, type, subject, data, target, target_seq)
  select shard, seq, epoch, at, 'task.completed.v1', task,
         json_build_object('task_id', task, 'account_id', account, 'reward', reward, 'fees', fees), account_shard, target_seq
  from task
), money as (
  update account a
  set version = a.version + 1, balance = a.balance + t.reward, entries = a.entries + 1, rewards = a.rewards + t.reward
  from task t
  where a.shard = t.account_shard and a.id = t.account
  returning t.*, gen_random_uuid() as transfer, a.entries, a.balance, a.open_day
), posted as (
  insert into transfer (shard, account, entry, id, at, day, kind, debit, credit, amount, balance_after, task)
  select account_shard, account, entries, transfer, at, open_day, 2, '00000000-0000-0000-0000-000000000002', account, reward,
         balance, task
  from money
), told as (
  insert into event (shard, seq, epoch, at, type, subject, data, cause_source, cause_seq)
  select account_shard, audit_seq, account_epoch, at, 'audit_log_record.created.v1', account,
         json_build_object('transfer_id', transfer, 'account_id', account, 'day', open_day, 'kind', 'completion_reward',
                           'amount', reward, 'balance_after', balance, 'task_id', task), shard, target_seq
  from money
), day as (
  update shard_day d
  set rewards = d.rewards + m.reward, completed = d.completed + 1
  from money m
  where d.shard = m.account_shard and d.day = m.open_day
)
update inbox_cursor c
set position = greatest(c.position, m.target_seq)
from money m
where c.shard = m.account_shard and c.source = m.shard;
