-- What became of letters: marked by the journal of their shard, under its fence, beside email.sent and email.failed.

-- The rows of a batch that are few, as before ...
alter function journal_append_rare(jsonb) rename to journal_append_rows;

-- ... and the letters' marks, which come after the letters.
create function journal_append_rare(rare jsonb) returns void language plpgsql as $$
declare
  written bigint;
begin
  perform journal_append_rows(rare);
  if rare ? 'letters' then
    update mail m
    set status = n.status, attempts = n.attempts, message_id = n.message_id,
        next_at = clock_timestamp() + n.again_in * interval '1 millisecond'
    from jsonb_to_recordset(rare -> 'letters') as n (
      shard smallint, account uuid, day date, status smallint, attempts integer, again_in bigint, message_id text)
    where m.shard = n.shard and m.account = n.account and m.day = n.day and m.status = 1;
    get diagnostics written = row_count;
    if written <> jsonb_array_length(rare -> 'letters') then
      raise exception using errcode = 'AT002', message = 'the mark of a letter that is not queued';
    end if;
  end if;
end $$;
