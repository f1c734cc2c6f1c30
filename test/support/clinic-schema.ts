/** How many rows the largest table has. TOUR_ROWS sets another number: 20,000 take some minutes. */
export const READINGS = Number(process.env.TOUR_ROWS ?? 3_000);
/** And all others that can be synced. */
export const CLINIC_ROWS = 60;

/**
 * A hospital's schema, which was made without a sync in mind: keys of several columns and of every kind, partitions, names
 * with capitals and reserved words, generated columns, domains, checks, foreign keys in a cycle, and what cannot be synced.
 */
export const CLINIC_SCHEMA = `
do $$ begin create extension citext; exception when others then create domain citext as text; end $$;
create schema "Clinic";
create type "Clinic".weekday as enum ('Mon', 'Tue', 'Wed', 'Thu', 'Fri');
create type "Clinic"."Triage" as enum ('red', 'yellow', 'it''s fine');
create domain "Clinic".phone as text check (value ~ '^[0-9 +]+$');
create domain "Clinic".percent as numeric(5, 2) check (value >= 0 and value <= 100);

create table "Clinic"."Ward" (
  code varchar(8) primary key, "Ward Name" text not null unique, head int, beds int not null default 10 check (beds > 0)
);
create table "Clinic".doctor (
  id int generated always as identity primary key, full_name text not null, email citext not null unique,
  ward varchar(8) references "Clinic"."Ward", on_duty "Clinic".weekday[] not null default '{}', phone "Clinic".phone
);
alter table "Clinic"."Ward" add foreign key (head) references "Clinic".doctor deferrable initially deferred;
comment on table "Clinic".doctor is 'Everyone who may sign; see the staff list';
comment on column "Clinic".doctor.on_duty is 'Which days of the week';

create table public."user" (
  id uuid primary key default gen_random_uuid(), "firstName" text not null, "lastName" text not null, "group" text,
  "fullName" text generated always as ("firstName" || ' ' || "lastName") stored, handle citext not null unique,
  triage "Clinic"."Triage" not null default 'yellow', born date, insured boolean not null default true,
  photo bytea, created_at timestamptz not null default now()
);
comment on column public."user".handle is 'What they are called by';

create table "Clinic"."Order" (
  ward varchar(8) not null references "Clinic"."Ward", no int not null, patient uuid not null references public."user",
  what text not null, status text not null default 'asked' check (status in ('asked', 'done', 'refused')),
  price numeric(10, 2) not null default 0 check (price >= 0), vat numeric(10, 2) generated always as (round(price * 0.2, 2)) stored,
  tags text[] not null default '{}', parent_ward varchar(8), parent_no int,
  primary key (ward, no), foreign key (parent_ward, parent_no) references "Clinic"."Order"
);
create table "Clinic".order_line (
  ward varchar(8) not null, no int not null, line smallint not null, item text not null, amount int not null check (amount > 0),
  primary key (ward, no, line), foreign key (ward, no) references "Clinic"."Order"
);
create table public.visit (
  id bigint not null, at date not null, patient uuid references public."user", note text not null, primary key (id, at)
) partition by range (at);
create table public.visit_2025 partition of public.visit for values from ('2025-01-01') to ('2026-01-01');
create table public.visit_rest partition of public.visit default;
create table public.reading (
  id bigint generated always as identity primary key, patient uuid not null references public."user", kind text not null,
  value numeric(8, 3) not null, saturation "Clinic".percent, taken_at timestamptz not null
);

create table public.audit_line (at timestamptz not null default now(), line text);
create view public.on_duty as select full_name, unnest(on_duty) as day from "Clinic".doctor;

begin;
insert into "Clinic"."Ward" values ('A1', 'Heart', 1, 12), ('B2', 'Bones', 2, 8);
insert into "Clinic".doctor (full_name, email, ward, on_duty, phone) values
  ('Elizabeth Blackwell', 'Blackwell@example.org', 'A1', '{Mon,Wed}', '+44 20 1'), ('Rebecca Lee', 'lee@example.org', 'B2', '{}', null);
commit;
insert into public."user" ("firstName", "lastName", "group", handle, triage, born)
  select 'First ' || n, 'Last ' || n, 'g' || n % 3, 'Patient' || n, (array['red', 'yellow', 'it''s fine'])[n % 3 + 1]::"Clinic"."Triage",
    date '1950-01-01' + n * 100 from generate_series(1, 20) n;
insert into "Clinic"."Order" (ward, no, patient, what, price, tags)
  select ward, n, (select id from public."user" where handle = 'Patient' || n), 'scan ' || n, n * 10, array['x-ray', 'urgent']
    from unnest(array['A1', 'B2']) ward, generate_series(1, 5) n;
update "Clinic"."Order" set parent_ward = ward, parent_no = 1 where no = 2;
insert into "Clinic".order_line select ward, no, n, 'item ' || n, n from "Clinic"."Order", generate_series(1, 2) n;
insert into public.visit select n, date '2024-12-30' + n, null, 'visit ' || n from generate_series(1, 6) n;
insert into public.audit_line (line) values ('first'), ('second');
insert into public.reading (patient, kind, value, saturation, taken_at)
  select (select id from public."user" where handle = 'Patient' || 1 + n % 20), (array['pulse', 'pressure'])[1 + n % 2],
    60 + n % 40 + 0.125, 90 + n % 10, timestamptz '2025-01-01' + n * interval '1 minute'
  from generate_series(1, ${READINGS}) n;
analyze;
`;
