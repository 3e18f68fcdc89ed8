-- What is to be looked at first.

alter table anomalies add column priority double precision, add column family text;
update anomalies set priority = (message ->> 'priority')::double precision,
                     family = message ->> 'family'
 where message ? 'priority' or message ? 'family';

alter table episodes add column priority double precision, add column family text;
update episodes set priority = (message ->> 'priority')::double precision,
                    family = message ->> 'family'
 where message ? 'priority' or message ? 'family';

create index anomalies_priority on anomalies (priority desc nulls last, ts_event);
