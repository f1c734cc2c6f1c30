/**
 * A property id in its one spelling. Notion's answers give ids URL-encoded (`%7CCly`); request bodies take them decoded, and
 * paths and query strings encoded again.
 */
export function propertyId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // A percent sign that encodes nothing: the id is plain already.
    return id;
  }
}

/** The spelling that paths take. (Query strings are encoded by whoever builds them.) */
export const propertyPath = (id: string): string => encodeURIComponent(propertyId(id));
