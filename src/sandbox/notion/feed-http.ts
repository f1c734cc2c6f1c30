import type { Feed } from './feed.ts';

/** How many events may wait for a reader that does not read; it then comes back and asks for all anew. */
const MOST_WAITING = 200;

/** The feed of one data source, or of the list of databases alone, as server-sent events. */
export function feedResponse(feed: Feed, dataSourceId: string | null): Response {
  const encoder = new TextEncoder();
  let end = (): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        controller.enqueue(encoder.encode('retry: 1000\n\n'));
        end = feed.subscribe(dataSourceId, (event) => {
          controller.enqueue(encoder.encode(`data: ${JSON.stringify(event)}\n\n`));
          if ((controller.desiredSize ?? 0) >= 0) return;
          end();
          controller.close();
        });
      },
      cancel: () => end(),
    },
    { highWaterMark: MOST_WAITING },
  );
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
  });
}
