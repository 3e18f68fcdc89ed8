-- What an episode says of its worst trade, and what a ranking says of an anomaly.
-- Older rows are filled from their messages, of which a stranger may have written any.

create function pg_temp.real_in(message jsonb, field text) returns double precision
language sql as $$
    select case when jsonb_typeof(message -> field) = 'number' then
           case when (message ->> field)::numeric = 0 then 0
                when abs((message ->> field)::numeric) between 1e-300 and 1e300
                then (message ->> field)::double precision end end
$$;
create function pg_temp.count_in(message jsonb, field text) returns bigint
language sql as $$
    select case when message ->> field ~ '^-?[0-9]{1,18}$' then (message ->> field)::bigint end
$$;

alter table anomalies add column rank double precision, add column suppressed boolean;
update anomalies
   set rank = pg_temp.real_in(message, 'rank'),
       suppressed = coalesce(message -> 'suppressed' = 'true', false)
 where jsonb_typeof(message -> 'rank') = 'number';

alter table episodes
    add column severity     double precision,
    add column rule         text,               -- of the worst trade, as reason and context are
    add column reason       text,
    add column context      text,
    add column shares       bigint,             -- of all flagged trades, as notional_usd is
    add column notional_usd double precision,
    add column publisher_id bigint,
    add column duration_s   double precision;
update episodes
   set severity = pg_temp.real_in(message, 'severity'),
       rule = nullif(message ->> 'rule', ''),
       reason = nullif(message ->> 'reason', ''),
       context = nullif(message ->> 'context', ''),
       shares = pg_temp.count_in(message, 'shares'),
       notional_usd = pg_temp.real_in(message, 'notional_usd'),
       publisher_id = pg_temp.count_in(message, 'publisher_id'),
       duration_s = pg_temp.real_in(message, 'duration_s')
 where message ?| array['severity', 'rule', 'shares', 'duration_s'];

drop function pg_temp.real_in, pg_temp.count_in;
