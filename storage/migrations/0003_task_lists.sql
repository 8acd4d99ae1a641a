-- GET /tasks?status=…: newest first within a status, however few tasks of a million have it.
create index task_state_newest on task_state (status, created_at desc, id desc);
