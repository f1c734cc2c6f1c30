import { checkbox } from './checkbox.ts';
import { select, status } from './choice.ts';
import type { Codec, PropertyType } from './codec.ts';
import {
  createdBy,
  createdTime,
  formula,
  lastEditedBy,
  lastEditedTime,
  rollup,
  uniqueId,
} from './computed.ts';
import { email, phoneNumber, url } from './contact.ts';
import { date } from './date.ts';
import { files } from './files.ts';
import { multiSelect } from './multi.ts';
import { number } from './number.ts';
import { people } from './people.ts';
import { relation } from './relation.ts';
import { richText, title } from './text.ts';

/** Every property type that a field can be mapped to, and how its values travel. */
export const codecs: Readonly<Record<PropertyType, Codec>> = {
  title,
  rich_text: richText,
  number,
  checkbox,
  select,
  status,
  multi_select: multiSelect,
  date,
  url,
  email,
  phone_number: phoneNumber,
  relation,
  people,
  files,
  unique_id: uniqueId,
  formula,
  rollup,
  created_time: createdTime,
  created_by: createdBy,
  last_edited_time: lastEditedTime,
  last_edited_by: lastEditedBy,
};
