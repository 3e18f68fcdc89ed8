-- Bars as the detector writes them, beside those that `tape history bars` makes, and decisions.

alter table bars
    alter column notional_usd drop not null,    -- only of bars made of the trades here
    add column lower            numeric(19, 9), -- what would have been normal, where it is known
    add column upper            numeric(19, 9),
    add column topic_partition  integer,        -- none: made of the trades here
    add column topic_offset     bigint,
    add column appended_at      timestamptz,
    add column written_at       timestamptz not null default now();

create table reviews (
    episode_id       text primary key,
    state            text not null,         -- open, acknowledged, dismissed, escalated: the newest
    reason           text not null,
    note             text not null,
    tags             jsonb not null,
    decided_by       text not null,
    decided_at       timestamptz not null,
    steps            integer not null,      -- decisions so far
    history          jsonb not null,        -- all of them, the first one first
    message          jsonb not null,
    topic_partition  integer not null,
    topic_offset     bigint not null,
    appended_at      timestamptz not null,
    written_at       timestamptz not null default now()
);
create index reviews_decided on reviews (decided_at);

create view review_steps as
select episode_id, nth::integer as step, nth = steps as is_newest, one ->> 'state' as state,
       one ->> 'reason' as reason, one ->> 'note' as note, one -> 'tags' as tags,
       one ->> 'by' as decided_by, (one ->> 'at')::timestamptz as decided_at
  from reviews, jsonb_array_elements(history) with ordinality as listed (one, nth);
