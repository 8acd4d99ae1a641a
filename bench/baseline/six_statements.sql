-- The same completion as an application would usually write it: six statements in a transaction. For information.
--
--   pgbench -n -M prepared -c 64 -j 2 -t <tasks/64> -D per_client=<tasks/64> -D i=-1 -f six_statements.sql
\set i :i + 1
\set n :client_id * :per_client + :i
begin;
with done as (
  update task_state s
  set version = s.version + 1, status = 2, completed_at = clock_timestamp()
  from bench_task b
  where b.n = :n and s.shard = b.shard and s.id = b.task and s.status = 1 and s.assignee = b.account
  returning b.*, s.completed_at)
select shard, task, account, account_shard, reward, fees, epoch, account_epoch, seq, target_seq, audit_seq,
       completed_at as at from done \gset
insert into event (shard, seq, epoch, at, type, subject, data, target, target_seq)
values (:shard, :seq, :epoch, :at, 'task.completed.v1', :task,
        json_build_object('task_id', :task::uuid, 'account_id', :account::uuid, 'reward', :reward::bigint,
                          'fees', :fees::bigint), :account_shard, :target_seq);
update account
set version = version + 1, balance = balance + :reward, entries = entries + 1, rewards = rewards + :reward
where shard = :account_shard and id = :account
returning entries, balance, open_day, gen_random_uuid() as transfer \gset
insert into transfer (shard, account, entry, id, at, day, kind, debit, credit, amount, balance_after, task)
values (:account_shard, :account, :entries, :transfer, :at, :open_day, 2, '00000000-0000-0000-0000-000000000002', :account,
        :reward, :balance, :task);
insert into event (shard, seq, epoch, at, type, subject, data, cause_source, cause_seq)
values (:account_shard, :audit_seq, :account_epoch, :at, 'audit_log_record.created.v1', :account,
        json_build_object('transfer_id', :transfer::uuid, 'account_id', :account::uuid, 'day', :open_day::date,
                          'kind', 'completion_reward', 'amount', :reward::bigint, 'balance_after', :balance::bigint,
                          'task_id', :task::uuid), :shard, :target_seq);
with day as (
  update shard_day set rewards = rewards + :reward, completed = completed + 1
  where shard = :account_shard and day = :open_day)
update inbox_cursor set position = greatest(position, :target_seq) where shard = :account_shard and source = :shard;
commit;
