import { defineConfig } from '../../src/index.ts';

// PostgreSQL's labels and what they are called in Notion. `choices` makes the options with the property, so
// that a label which no row has yet can be picked too.
const labelled = (values: Record<string, string>) => ({
  type: 'select' as const,
  values,
  choices: Object.values(values),
});

const productType = labelled({ raw: 'Raw', compound: 'Compound', processed: 'Processed' });
const purityLevel = { type: 'select' as const, choices: ['99', '99.5', '99.9'] };
const currency = {
  column: 'currency',
  type: 'select' as const,
  choices: ['USD', 'EUR', 'CNY', 'GBP', 'AUD', 'CLP'],
};
const amount = { type: 'number' as const, format: 'number_with_commas' };
const plainNumber = { type: 'number' as const, format: 'number' };

// PostgreSQL makes these; what a person types over them in Notion is put right.
const id = { column: 'id', type: 'rich_text' as const, direction: 'to-notion' as const };
const times = {
  'Created At': { column: 'created_at', type: 'date' as const, direction: 'to-notion' as const },
  'Updated At': { column: 'updated_at', type: 'date' as const, direction: 'to-notion' as const },
};

// This example shows both ways, so a page in the trash deletes its row, and a foreign key may refuse it.
// pgnotion's default is 'review': the row stays until somebody approves.
const onNotionTrash = 'delete' as const;

export default defineConfig({
  tables: {
    suppliers: {
      source: 'public.suppliers',
      key: 'id',
      title: 'Suppliers',
      onNotionTrash,
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: id,
        'Logo URL': { column: 'logo_url', type: 'url' },
        'Verification Tier': {
          column: 'verification_tier',
          ...labelled({ gold: 'Gold', silver: 'Silver', bronze: 'Bronze' }),
        },
        Rating: { column: 'rating', ...plainNumber },
        'Review Count': { column: 'review_count', ...plainNumber },
        'Transaction Count': { column: 'transaction_count', ...plainNumber },
        'Response Time': { column: 'response_time', type: 'rich_text' },
        'Years in Business': { column: 'years_in_business', ...plainNumber },
        ...times,
      },
    },

    products: {
      source: 'public.products',
      key: 'id',
      title: 'Products',
      onNotionTrash,
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: id,
        Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
        'Product Type': { column: 'product_type', ...productType },
        'Purity Level': { column: 'purity_level', ...purityLevel },
        'Price Per Unit': { column: 'price_per_unit', ...amount },
        Currency: currency,
        Unit: { column: 'unit', type: 'rich_text' },
        'Min Order Quantity': { column: 'min_order_quantity', ...plainNumber },
        Availability: {
          column: 'availability',
          ...labelled({ 'in-stock': 'In Stock', limited: 'Limited', contact: 'Contact' }),
        },
        'Has Bulk Discount': { column: 'has_bulk_discount', type: 'checkbox' },
        'Bulk Discount Threshold': { column: 'bulk_discount_threshold', ...plainNumber },
        'Bulk Discount Percentage': { column: 'bulk_discount_percentage', ...plainNumber },
        ...times,
      },
    },

    rfqs: {
      source: 'public.rfqs',
      key: 'id',
      title: 'RFQs',
      onNotionTrash,
      fields: {
        Title: { column: 'title', type: 'title' },
        ID: id,
        Buyer: { column: 'buyer_id', type: 'relation', relatedTable: 'user_profiles' },
        Description: { column: 'description', type: 'rich_text' },
        Status: {
          column: 'status',
          ...labelled({
            draft: 'Draft',
            published: 'Published',
            closed: 'Closed',
            awarded: 'Awarded',
            cancelled: 'Cancelled',
          }),
        },
        'Product Type': { column: 'product_type', ...productType },
        'Purity Level': { column: 'purity_level', ...purityLevel },
        Quantity: { column: 'quantity', ...plainNumber },
        Unit: { column: 'unit', type: 'rich_text' },
        'Target Price': { column: 'target_price', ...amount },
        Currency: currency,
        'Delivery Location Country': { column: 'delivery_location_country', type: 'rich_text' },
        'Delivery Location City': { column: 'delivery_location_city', type: 'rich_text' },
        'Required Certifications': {
          column: 'required_certifications',
          type: 'multi_select',
          choices: ['ISO 9001', 'ISO 14001', 'ISO 45001', 'IATF 16949', 'IRMA 75', 'REACH', 'RMAP'],
        },
        Deadline: { column: 'deadline', type: 'date' },
        'Published At': { column: 'published_at', type: 'date' },
        'Closed At': { column: 'closed_at', type: 'date' },
        'Awarded To': { column: 'awarded_to', type: 'relation', relatedTable: 'suppliers' },
        ...times,
      },
    },

    rfq_responses: {
      source: 'public.rfq_responses',
      // A response has no name of its own: its title says who answers what, and follows both when they are
      // renamed.
      query: `
        select r.*, s.name as supplier_name, q.title as rfq_title
        from public.rfq_responses r
        join public.suppliers s on s.id = r.supplier_id
        join public.rfqs q on q.id = r.rfq_id`,
      dependsOn: [
        { table: 'public.suppliers', on: { id: 'supplier_id' } },
        { table: 'public.rfqs', on: { id: 'rfq_id' } },
      ],
      key: 'id',
      title: 'RFQ Responses',
      onNotionTrash,
      fields: {
        ID: { expression: "supplier_name || ' – ' || rfq_title", type: 'title' },
        RFQ: { column: 'rfq_id', type: 'relation', relatedTable: 'rfqs' },
        Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
        User: { column: 'user_id', type: 'relation', relatedTable: 'user_profiles' },
        'Quote Price': { column: 'quote_price', ...amount },
        Currency: currency,
        'Delivery Time Days': { column: 'delivery_time_days', ...plainNumber },
        'Payment Terms': { column: 'payment_terms', type: 'rich_text' },
        Notes: { column: 'notes', type: 'rich_text' },
        Status: {
          column: 'status',
          ...labelled({
            submitted: 'Submitted',
            under_review: 'Under Review',
            shortlisted: 'Shortlisted',
            rejected: 'Rejected',
            accepted: 'Accepted',
          }),
        },
        Score: { column: 'score', ...plainNumber },
        ...times,
      },
    },

    auctions: {
      source: 'public.auctions',
      key: 'id',
      title: 'Auctions',
      onNotionTrash,
      fields: {
        Title: { expression: "concat_ws(', ', material, grade)", type: 'title' },
        ID: id,
        Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
        Material: { column: 'material', type: 'rich_text' },
        Grade: { column: 'grade', type: 'rich_text' },
        Quantity: { column: 'quantity', ...plainNumber },
        'Starting Price': { column: 'starting_price', ...amount },
        'Reserve Price': { column: 'reserve_price', ...amount },
        // The trigger on bids owns these two: a price that no bid stands behind must not come from a page.
        'Current Price': { column: 'current_price', ...amount, direction: 'to-notion' },
        'Bid Count': { column: 'bid_count', ...plainNumber, direction: 'to-notion' },
        'Bid Increment': { column: 'bid_increment', ...amount },
        Status: {
          column: 'status',
          ...labelled({
            draft: 'Draft',
            active: 'Active',
            closed: 'Closed',
            settled: 'Settled',
            cancelled: 'Cancelled',
          }),
        },
        'Start Time': { column: 'start_time', type: 'date' },
        'End Time': { column: 'end_time', type: 'date' },
        Winner: { column: 'winner_id', type: 'relation', relatedTable: 'user_profiles' },
        ...times,
      },
    },

    orders: {
      source: 'public.orders',
      key: 'id',
      title: 'Orders',
      onNotionTrash,
      fields: {
        // In UTC, so that the number does not depend on who asks.
        'Order Number': {
          expression:
            "'LB-' || to_char(created_at at time zone 'UTC', 'YYYY') || '-' || upper(left(id::text, 8))",
          type: 'title',
        },
        ID: id,
        Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
        User: { column: 'user_id', type: 'relation', relatedTable: 'user_profiles' },
        Quote: { column: 'quote_id', type: 'relation', relatedTable: 'quotes' },
        Status: {
          column: 'status',
          ...labelled({
            pending: 'Pending',
            confirmed: 'Confirmed',
            shipped: 'Shipped',
            delivered: 'Delivered',
            cancelled: 'Cancelled',
          }),
        },
        'Total Amount': { column: 'total_amount', ...amount },
        Currency: currency,
        'Payment Status': {
          column: 'payment_status',
          ...labelled({ pending: 'Pending', paid: 'Paid', failed: 'Failed', refunded: 'Refunded' }),
        },
        ...times,
      },
    },

    user_profiles: {
      source: 'public.user_profiles',
      // Names the columns one by one: nothing of auth.users but these may ever leave the database.
      query: `
        select p.user_id, p.company_name, p.phone, p.role, p.created_at, p.updated_at,
          u.email, coalesce(u.raw_user_meta_data ->> 'full_name', u.email) as full_name
        from public.user_profiles p
        join auth.users u on u.id = p.user_id`,
      dependsOn: [{ table: 'auth.users', on: { id: 'user_id' } }],
      key: 'user_id',
      title: 'User Profiles',
      onNotionTrash,
      fields: {
        Name: { expression: 'coalesce(full_name, user_id::text)', type: 'title' },
        // The key, and yet both ways: it has no default, so a person who makes a page must say which
        // auth user it is for.
        'User ID': { column: 'user_id', type: 'rich_text', direction: 'both' },
        'Company Name': { column: 'company_name', type: 'rich_text' },
        Phone: { column: 'phone', type: 'rich_text' },
        Role: { column: 'role', ...labelled({ buyer: 'Buyer', supplier: 'Supplier', admin: 'Admin' }) },
        Email: { expression: 'email', type: 'email' },
        ...times,
      },
    },

    // The eighth: LithiumBuy's plan lists seven databases, but its Orders relate to Quotes, and a relation
    // needs a database to point to. So this one is kept small.
    quotes: {
      source: 'public.quotes',
      query: `
        select q.*, s.name as supplier_name, p.name as product_name
        from public.quotes q
        join public.suppliers s on s.id = q.supplier_id
        left join public.products p on p.id = q.product_id`,
      dependsOn: [
        { table: 'public.suppliers', on: { id: 'supplier_id' } },
        { table: 'public.products', on: { id: 'product_id' } },
      ],
      key: 'id',
      title: 'Quotes',
      onNotionTrash,
      fields: {
        Quote: { expression: "concat_ws(' – ', supplier_name, product_name)", type: 'title' },
        ID: id,
        Supplier: { column: 'supplier_id', type: 'relation', relatedTable: 'suppliers' },
        Product: { column: 'product_id', type: 'relation', relatedTable: 'products' },
        User: { column: 'user_id', type: 'relation', relatedTable: 'user_profiles' },
        Quantity: { column: 'quantity', ...plainNumber },
        'Price Per Unit': { column: 'price_per_unit', ...amount },
        Currency: currency,
        Status: {
          column: 'status',
          ...labelled({
            pending: 'Pending',
            sent: 'Sent',
            accepted: 'Accepted',
            declined: 'Declined',
            expired: 'Expired',
          }),
        },
        ...times,
      },
    },
  },
});
