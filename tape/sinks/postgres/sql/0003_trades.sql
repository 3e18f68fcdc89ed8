-- The tape itself: one partition per UTC day, made when its first trade comes.

create table trades (
    symbol           text not null,
    ts_event         timestamptz not null,  -- whole microseconds; ts_event_ns has all of it
    ts_event_ns      bigint not null,
    publisher_id     integer not null,
    sequence         bigint not null,       -- -1: the feed numbers nothing
    price            numeric(19, 9) not null,
    size             bigint not null,
    side             "char" not null,
    ordinal          integer not null,      -- how many equal trades the source had before
    ts_recv_ns       bigint not null,       -- 0: not known
    primary key (symbol, ts_event, ts_event_ns, publisher_id, sequence, price, size, side, ordinal)
) partition by range (ts_event);
create index trades_ts on trades using brin (ts_event) with (pages_per_range = 16);

create table bars (
    symbol           text not null,
    bar_start        timestamptz not null,
    bar_s            integer not null,      -- how long a bar is, in seconds
    open             numeric(19, 9) not null,
    high             numeric(19, 9) not null,
    low              numeric(19, 9) not null,
    close            numeric(19, 9) not null,
    volume           bigint not null,
    trades           bigint not null,
    notional_usd     numeric not null,
    flagged          bigint not null,
    primary key (bar_s, symbol, bar_start)
);
create index bars_start on bars (bar_start);
