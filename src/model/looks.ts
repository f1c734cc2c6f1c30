import type { Json } from './change.ts';
import { type InstallationId, withoutStart } from './installation-marker.ts';
import type { TableMapping } from './mapping.ts';
import { cutText, textRuns } from './texts.ts';

/** How a database is to look, as the configuration says it. */
export type Looks = {
  readonly title: string;
  readonly description: string | null;
  /** An emoji, or the address of a picture. */
  readonly icon: string | null;
};

/** A database's members that the configuration can say. */
export const LOOKS = ['title', 'description', 'icon'] as const;
export type Look = (typeof LOOKS)[number];

/** Beside our own mark, which stands in the same text. */
export const MOST_DESCRIPTION = 1_900;

export const isIcon = (text: string): boolean =>
  /^\p{RGI_Emoji}$/v.test(text) || (text.length <= 2_000 && URL.parse(text)?.protocol === 'https:');

export const wantedLooks = ({
  title,
  description,
  icon,
}: Pick<TableMapping, 'title' | 'description' | 'icon'>): Looks => ({
  title,
  description: description ?? null,
  icon: icon ?? null,
});

/** A database as it is shown, without our own mark in its description. */
export type ShownLooks = { readonly title: string; readonly description: string; readonly hasIcon: boolean };

/**
 * What is to be written of a database that exists. What the configuration says as it did when it was last carried out stays
 * as it is in Notion, whatever people have made of it. What it has never said before (`was` is null, or null of it) is written
 * only where there is nothing yet; and what it says no more is left.
 */
export function changedLooks(wanted: Looks, was: Looks | null, shown: ShownLooks): readonly Look[] {
  const isEmpty: Readonly<Record<Look, boolean>> = {
    title: false,
    description: shown.description.trim() === '',
    icon: !shown.hasIcon,
  };
  return LOOKS.filter((look) => {
    const before = was?.[look] ?? null;
    if (wanted[look] === null || wanted[look] === before) return false;
    return before === null ? isEmpty[look] : true;
  });
}

/** Whether Notion has to be asked how the database looks. */
export const mayDiffer = (wanted: Looks, was: Looks | null): boolean =>
  LOOKS.some(
    (look) =>
      wanted[look] !== null && wanted[look] !== (was?.[look] ?? (look === 'title' ? wanted.title : null)),
  );

const iconRequest = (icon: string): Json =>
  icon.startsWith('https:') ? { type: 'external', external: { url: icon } } : { type: 'emoji', emoji: icon };

type LooksRequest = { readonly title?: string; readonly description?: readonly Json[]; readonly icon?: Json };

/** The members of a request that gives a database these looks; `mark` is kept behind the description. */
export function looksRequest(wanted: Looks, members: readonly Look[], mark = ''): LooksRequest {
  const { title, description, icon } = wanted;
  const has = (look: Look): boolean => members.includes(look);
  return {
    ...(has('title') ? { title } : {}),
    ...(has('description') && description !== null
      ? {
          description: textRuns(`${cutText(description, MOST_DESCRIPTION)}${mark === '' ? '' : `\n${mark}`}`),
        }
      : {}),
    ...(has('icon') && icon !== null ? { icon: iconRequest(icon) } : {}),
  };
}

/** The mark of our start that stands in a description; empty if there is none. */
export function markIn(text: string, owner: InstallationId): string {
  const people = withoutStart(text, owner);
  return people === text ? '' : text.slice(people.length).trim();
}
