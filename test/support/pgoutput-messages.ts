// Messages of pgoutput, byte by byte.

export const text = (value: string): Buffer => Buffer.from(`${value}\0`);
export const u8 = (value: number): Buffer => Buffer.from([value]);
export const i16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
};
export const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
};
export const i64 = (value: bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
};
export const message = (tag: string, ...parts: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(tag), ...parts]);

export type Value = string | null | undefined;
export function tuple(...values: Value[]): Buffer {
  const cells = values.map((value) => {
    if (value === undefined) return Buffer.from('u');
    if (value === null) return Buffer.from('n');
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from('t'), u32(bytes.length), bytes]);
  });
  return Buffer.concat([i16(values.length), ...cells]);
}
export const relation = (oid: number, ...columns: (readonly [name: string, identity: boolean])[]): Buffer =>
  message(
    'R',
    u32(oid),
    text('public'),
    text('t'),
    Buffer.from('d'),
    i16(columns.length),
    ...columns.map(([name, identity]) =>
      Buffer.concat([u8(identity ? 1 : 0), text(name), u32(25), u32(0xffffffff)]),
    ),
  );
