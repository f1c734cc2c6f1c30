/** The fields of an image that are named and that it has. */
export const pick = <T>(image: Readonly<Record<string, T>>, names: Iterable<string>): Record<string, T> =>
  Object.fromEntries([...names].flatMap((name) => (name in image ? [[name, image[name] as T]] : [])));

/** The image without these fields. */
export const without = <T>(image: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(image).filter(([name]) => !names.includes(name)));
