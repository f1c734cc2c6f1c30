-- LithiumBuy, a marketplace for lithium: its tables on a plain PostgreSQL 14 or newer, without extensions.
-- On Supabase `auth.users` exists already; here it is a small stand-in.

create schema auth;

create type public.user_role as enum ('buyer', 'supplier', 'admin');
create type public.verification_tier as enum ('gold', 'silver', 'bronze');
create type public.order_status as enum ('pending', 'confirmed', 'shipped', 'delivered', 'cancelled');
create type public.rfq_response_status as enum
  ('submitted', 'under_review', 'shortlisted', 'rejected', 'accepted');

-- Three letters as in ISO 4217; numeric columns keep to 15 digits, which a double holds exactly.
create domain public.currency_code as text check (value ~ '^[A-Z]{3}$');

-- People -----------------------------------------------------------------------------------------------

create table auth.users (
  id uuid primary key default gen_random_uuid(),
  email text unique,
  encrypted_password text,
  raw_user_meta_data jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  username text unique,
  avatar_url text,
  locale text not null default 'en',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- The auth user's id is the key: what other tables hold of a person is then what names the record.
create table public.user_profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  company_name text,
  phone text,
  role public.user_role not null default 'buyer',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Suppliers and what they sell -------------------------------------------------------------------------

create table public.suppliers (
  id uuid primary key default gen_random_uuid(),
  name text not null check (name <> ''),
  logo_url text,
  verification_tier public.verification_tier, -- null: not verified yet
  rating numeric(2, 1) check (rating between 0 and 5),
  review_count integer not null default 0 check (review_count >= 0),
  transaction_count integer not null default 0 check (transaction_count >= 0),
  response_time text,
  years_in_business integer check (years_in_business >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.supplier_profiles (
  supplier_id uuid primary key references public.suppliers (id) on delete cascade,
  description text,
  website text,
  contact_email text,
  specialties text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.locations (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  kind text not null default 'office' check (kind in ('office', 'mine', 'plant', 'warehouse')),
  country text not null,
  city text,
  created_at timestamptz not null default now()
);

create table public.certifications (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  name text not null,
  issuer text,
  valid_until date,
  created_at timestamptz not null default now(),
  unique (supplier_id, name)
);

create table public.reviews (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  user_id uuid references public.user_profiles (user_id) on delete set null,
  rating integer not null check (rating between 1 and 5),
  comment text,
  created_at timestamptz not null default now()
);

create table public.products (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  name text not null check (name <> ''),
  product_type text not null default 'compound' check (product_type in ('raw', 'compound', 'processed')),
  purity_level text check (purity_level in ('99', '99.5', '99.9')),
  price_per_unit numeric(12, 2) check (price_per_unit >= 0), -- null: on request
  currency public.currency_code not null default 'USD',
  unit text not null default 't',
  min_order_quantity numeric(12, 2) check (min_order_quantity > 0),
  availability text not null default 'contact' check (availability in ('in-stock', 'limited', 'contact')),
  has_bulk_discount boolean not null default false,
  bulk_discount_threshold numeric(12, 2) check (bulk_discount_threshold > 0),
  bulk_discount_percentage numeric(5, 2) check (bulk_discount_percentage between 0 and 100),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Buying -----------------------------------------------------------------------------------------------

create table public.quotes (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete restrict,
  product_id uuid references public.products (id) on delete set null,
  user_id uuid not null references public.user_profiles (user_id) on delete cascade,
  quantity numeric(14, 3) check (quantity > 0),
  unit text not null default 't',
  price_per_unit numeric(12, 2) check (price_per_unit >= 0),
  currency public.currency_code not null default 'USD',
  status text not null default 'pending' check (status in ('pending', 'sent', 'accepted', 'declined', 'expired')),
  valid_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- A supplier or a buyer with orders cannot be deleted: the books need them.
create table public.orders (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete restrict,
  user_id uuid not null references public.user_profiles (user_id) on delete restrict,
  quote_id uuid references public.quotes (id) on delete set null,
  status public.order_status not null default 'pending',
  total_amount numeric(14, 2) not null default 0 check (total_amount >= 0),
  currency public.currency_code not null default 'USD',
  payment_status text not null default 'pending'
    check (payment_status in ('pending', 'paid', 'failed', 'refunded')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.rfqs (
  id uuid primary key default gen_random_uuid(),
  buyer_id uuid not null references public.user_profiles (user_id) on delete cascade,
  title text not null check (title <> ''),
  description text,
  status text not null default 'draft'
    check (status in ('draft', 'published', 'closed', 'awarded', 'cancelled')),
  product_type text check (product_type in ('raw', 'compound', 'processed')),
  purity_level text check (purity_level in ('99', '99.5', '99.9')),
  quantity numeric(14, 3) check (quantity > 0),
  unit text not null default 't',
  target_price numeric(12, 2) check (target_price >= 0),
  currency public.currency_code not null default 'USD',
  delivery_location_country text,
  delivery_location_city text,
  required_certifications text[] not null default '{}',
  deadline timestamptz,
  published_at timestamptz,
  closed_at timestamptz check (closed_at >= published_at),
  awarded_to uuid references public.suppliers (id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table public.rfq_responses (
  id uuid primary key default gen_random_uuid(),
  rfq_id uuid not null references public.rfqs (id) on delete cascade,
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  user_id uuid references public.user_profiles (user_id) on delete set null,
  quote_price numeric(12, 2) not null check (quote_price >= 0),
  currency public.currency_code not null default 'USD',
  delivery_time_days integer check (delivery_time_days >= 0),
  payment_terms text,
  notes text,
  status public.rfq_response_status not null default 'submitted',
  score integer check (score between 0 and 100),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (rfq_id, supplier_id)
);

create table public.tenders (
  id uuid primary key default gen_random_uuid(),
  rfq_id uuid not null references public.rfqs (id) on delete cascade,
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  round integer not null default 1 check (round > 0),
  offered_price numeric(12, 2),
  status text not null default 'open' check (status in ('open', 'agreed', 'failed')),
  created_at timestamptz not null default now()
);

-- Auctions ---------------------------------------------------------------------------------------------

create table public.auctions (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete restrict,
  material text not null check (material <> ''),
  grade text,
  quantity numeric(14, 3) not null default 1 check (quantity > 0),
  starting_price numeric(12, 2) not null default 0 check (starting_price >= 0),
  reserve_price numeric(12, 2),
  current_price numeric(12, 2),
  bid_increment numeric(12, 2) not null default 1 check (bid_increment > 0),
  status text not null default 'draft'
    check (status in ('draft', 'active', 'closed', 'settled', 'cancelled')),
  start_time timestamptz,
  end_time timestamptz,
  bid_count integer not null default 0 check (bid_count >= 0),
  winner_id uuid references public.user_profiles (user_id) on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint auctions_reserve_not_below_start check (reserve_price >= starting_price),
  constraint auctions_end_after_start check (end_time > start_time)
);

create table public.bids (
  id uuid primary key default gen_random_uuid(),
  auction_id uuid not null references public.auctions (id) on delete cascade,
  bidder_id uuid not null references public.user_profiles (user_id) on delete cascade,
  amount numeric(12, 2) not null check (amount > 0),
  created_at timestamptz not null default now()
);

-- Meetings, directory, search, housekeeping ------------------------------------------------------------

create table public.telebuy_sessions (
  id uuid primary key default gen_random_uuid(),
  supplier_id uuid not null references public.suppliers (id) on delete cascade,
  user_id uuid not null references public.user_profiles (user_id) on delete cascade,
  status text not null default 'scheduled' check (status in ('scheduled', 'live', 'ended', 'cancelled')),
  meeting_url text,
  scheduled_at timestamptz,
  created_at timestamptz not null default now()
);

create table public.telebuy_documents (
  id uuid primary key default gen_random_uuid(),
  session_id uuid not null references public.telebuy_sessions (id) on delete cascade,
  kind text not null default 'note' check (kind in ('note', 'contract', 'assay')),
  name text not null,
  url text,
  created_at timestamptz not null default now()
);

create table public.directory_nodes (
  id uuid primary key default gen_random_uuid(),
  parent_id uuid references public.directory_nodes (id) on delete cascade,
  name text not null,
  position integer not null default 0
);

create table public.search_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references public.user_profiles (user_id) on delete set null,
  query text not null,
  created_at timestamptz not null default now()
);

create table public.search_sources (
  id uuid primary key default gen_random_uuid(),
  session_id uuid not null references public.search_sessions (id) on delete cascade,
  url text not null,
  title text
);

-- The application's own; pgnotion keeps its conflicts in its own schema.
create table public.conflicts (
  id bigint generated always as identity primary key,
  type text not null,
  table_name text not null,
  record_id text not null,
  local_record jsonb,
  remote_record jsonb,
  detected_at timestamptz not null default now()
);

create table public.audit_log (
  id bigint generated always as identity primary key,
  table_name text not null,
  record_id text not null,
  action text not null check (action in ('insert', 'update', 'delete')),
  actor text not null,
  actor_id text, -- of a person in Notion; null: the change was made in PostgreSQL
  application text not null default '',
  before jsonb,
  after jsonb,
  changed_at timestamptz not null default now()
);

create index on public.products (supplier_id);
create index on public.rfqs (buyer_id);
create index on public.rfq_responses (supplier_id);
create index on public.quotes (supplier_id);
create index on public.quotes (product_id);
create index on public.orders (supplier_id);
create index on public.orders (user_id);
create index on public.bids (auction_id);
create index on public.audit_log (table_name, record_id);

-- Triggers ---------------------------------------------------------------------------------------------

create function public.touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- Argument: the table's key column. pgnotion names the person who made an edit in Notion in
-- `pgnotion.actor` and `pgnotion.actor_id`, for its transaction; a session that once had the setting keeps it as an empty text.
-- Its owner's rights, so that whoever may write a table needs none on the log.
create function public.write_audit_log() returns trigger
  language plpgsql security definer set search_path = '' as $$
declare
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
  insert into public.audit_log (table_name, record_id, action, actor, actor_id, application, before, after)
  values (tg_table_name, coalesce(new_row, old_row) ->> tg_argv[0], lower(tg_op),
    coalesce(nullif(current_setting('pgnotion.actor', true), ''), session_user),
    nullif(current_setting('pgnotion.actor_id', true), ''), current_setting('application_name'), old_row, new_row);
  return null;
end $$;

-- Bids move an auction's price: a change that a trigger makes in another table than the one written to.
create function public.count_bids() returns trigger language plpgsql as $$
begin
  update public.auctions a
  set bid_count = b.bids, current_price = b.highest
  from (
    select auction_id, count(*)::integer as bids, max(amount) as highest
    from public.bids
    where auction_id in (select auction_id from new_bids)
    group by auction_id
  ) b
  where a.id = b.auction_id and (a.bid_count, a.current_price) is distinct from (b.bids, b.highest);
  return null;
end $$;

create trigger count_bids after insert on public.bids
  referencing new table as new_bids for each statement execute function public.count_bids();

do $$
declare
  target text;
begin
  foreach target in array array['auth.users', 'public.profiles', 'public.user_profiles', 'public.suppliers',
    'public.supplier_profiles', 'public.products', 'public.quotes', 'public.orders', 'public.rfqs',
    'public.rfq_responses', 'public.auctions']
  loop
    -- A statement that changes nothing leaves the time alone.
    execute format('create trigger touch_updated_at before update on %s for each row
      when (old.* is distinct from new.*) execute function public.touch_updated_at()', target);
  end loop;
  foreach target in array array['suppliers', 'products', 'quotes', 'orders', 'rfqs', 'rfq_responses',
    'auctions', 'user_profiles']
  loop
    execute format('create trigger write_audit_log after insert or update or delete on public.%I
      for each row execute function public.write_audit_log(%L)',
      target, case target when 'user_profiles' then 'user_id' else 'id' end);
  end loop;
end $$;
