import { plainOf, plainRuns } from './richtext.ts';
import { pagesIn } from './sharing.ts';
import type { Store } from './store.ts';
import type { Property, Value } from './types.ts';

/** What a changed type or a shorter list of options does to the values: they are lost where they no longer fit. */
export function convertValues(store: Store, dataSourceId: string, old: Property, next: Property): void {
  for (const page of pagesIn(store, dataSourceId)) {
    const value = page.values[old.id];
    if (value === undefined) continue;
    const kept = next.type === old.type ? keptValue(value, old, next) : convertedValue(value, old, next);
    if (kept === value) continue;
    const { [old.id]: _, ...values } = page.values;
    store.pages.put({ ...page, values: kept === undefined ? values : { ...values, [old.id]: kept } });
  }
}

const optionIdsOf = (property: Property): readonly string[] =>
  'options' in property ? property.options.map((option) => option.id) : [];

/** The value under the same type: an option that is gone takes itself along, so does a relation's other target. */
function keptValue(value: Value, old: Property, next: Property): Value | undefined {
  const ids = optionIdsOf(next);
  if ('optionId' in value) return value.optionId !== null && ids.includes(value.optionId) ? value : undefined;
  if (value.type === 'multi_select') {
    const optionIds = value.optionIds.filter((id) => ids.includes(id));
    return optionIds.length === value.optionIds.length ? value : { ...value, optionIds };
  }
  if (old.type === 'relation' && next.type === 'relation')
    return old.dataSourceId === next.dataSourceId ? value : undefined;
  return value;
}

/** The value under another type: by way of its text, or of the option that it has. */
function convertedValue(value: Value, old: Property, next: Property): Value | undefined {
  const ids = optionIdsOf(next);
  if (value.type === 'multi_select' && (next.type === 'select' || next.type === 'status')) {
    const optionId = value.optionIds.find((id) => ids.includes(id)) ?? null;
    return { type: next.type, optionId };
  }
  if ('optionId' in value && value.optionId !== null && ids.includes(value.optionId)) {
    if (next.type === 'multi_select') return { type: 'multi_select', optionIds: [value.optionId] };
    if (next.type === 'select' || next.type === 'status')
      return { type: next.type, optionId: value.optionId };
  }
  const text = textOf(value, old);
  if (text === undefined) return undefined;
  switch (next.type) {
    case 'rich_text':
      return { type: 'rich_text', runs: plainRuns(text) };
    case 'url':
    case 'email':
    case 'phone_number':
      return { type: next.type, text: text === '' ? null : text };
    case 'number': {
      const number = text.trim() === '' ? Number.NaN : Number(text.trim());
      return Number.isFinite(number) ? { type: 'number', number } : undefined;
    }
    default:
      return undefined;
  }
}

/** What the editor shows of a value; undefined for those that have no text. */
function textOf(value: Value, property: Property): string | undefined {
  if ('runs' in value) return plainOf(value.runs, { user: () => undefined, page: () => undefined });
  if (value.type === 'number') return value.number === null ? '' : String(value.number);
  if ('text' in value) return value.text ?? '';
  if (value.type === 'date') return value.date?.start ?? '';
  if (!('options' in property)) return undefined;
  const ids = 'optionId' in value ? [value.optionId] : value.type === 'multi_select' ? value.optionIds : [];
  const names = property.options.filter((option) => ids.includes(option.id)).map((option) => option.name);
  return names.join(', ');
}
