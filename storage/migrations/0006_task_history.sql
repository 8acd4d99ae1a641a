-- Edited tasks, the history of a task, and the ledger of all accounts, newest first.

-- The words of edited tasks, beside journal_append in its statement and so in its transaction: what is edited has a new
-- snapshot in that batch, which the fence and the versions guard. Not called when there are none.
create function journal_edit_tasks(edited jsonb) returns void strict language plpgsql as $$
declare
  written bigint;
begin
  update task t set title = n.title, jira_id = n.jira_id, description = n.description
  from jsonb_to_recordset(edited) as n (shard smallint, id uuid, title text, jira_id text, description text)
  where t.shard = n.shard and t.id = n.id;
  get diagnostics written = row_count;
  if written <> jsonb_array_length(edited) then
    raise exception using errcode = 'AT002', message = 'new words for a task that does not exist';
  end if;
end $$;

-- The history of a task: these events, in the order of seq.
create index event_of_task on event (shard, subject, seq)
  where type in ('task.created.v2', 'task.updated.v1', 'task.assigned.v1', 'task.completed.v1');

-- The figures of closed days: one event a day.
create index event_of_closed_day on event ((data ->> 'day')) where type = 'day.closed.v1';

-- Entries of a day and kind, newest first. Entries come in the order of days and, nearly, of time, so that each is put at
-- the end of one of three lists. It answers all that transfer_day did.
create index transfer_newest on transfer (day, kind, at, id);
drop index transfer_day;
