-- The least that the daemon needs. Events, transfers and the record of operations are append-only (design.md §8): no
-- UPDATE, DELETE or TRUNCATE.
grant usage on schema public to ates_app;
revoke all on all tables in schema public from ates_app;
grant select on all tables in schema public to ates_app;
grant insert on event, transfer, task, shuffle_roster, ops_audit to ates_app;
grant insert, update on setting, node, shard, journal_batch, inbox_cursor, account, shard_day, shard_state, payout, mail,
  task_state, shuffle, employee to ates_app;
grant update (title, jira_id, description) on task to ates_app;
grant insert, update, delete on session, kept_answer, quarantine, death, verification, sign_in_failure to ates_app;
grant insert, update (status) on parked to ates_app;
