/** Talking to the service: one body at a time until the visitor has an identity, and again after failures. */
import { conforms, defaultDecision } from "./decision";
import { announce, attempt } from "./elements";
import type { KabinDecision } from "./kabin";
import { EVENT, VISITOR } from "./keys";
import { add, box, forget, isGranted, keysOf, objects, put, sizeOf } from "./outbox";
import { endpoint, isForeign, needsConsent } from "./settings";

const enum Limit {
  BODY_EVENTS = 50,
  BODY_BYTES = 32768,
  QUIET_MS = 1000,
  /** Others wait for an answer while the visitor has no identity, so none is waited for endlessly. */
  ANSWER_MS = 20000,
  FIRST_PAUSE_MS = 2000,
  LONGEST_PAUSE_MS = 60000,
}

const inFlight = new Set<string>();
/** Settles when all that was sent so far has been answered. */
let queue: Promise<unknown> | undefined;
let isIdentified = false;
/** Changes of the visitor that are under way or wait for their turn. */
let changes = 0;
let pauseMs = 0;
let timer: ReturnType<typeof setTimeout>;

/**
 * Send one body with the events that wait; returns the answer, else true if it was refused for good, and false or
 * undefined if not. One that changes the visitor goes without events; `identity` is what its answer looks like.
 */
export const deliver = async (path: string, question?: object, identity?: object): Promise<any> => {
  const events: object[] = [];
  const batch: string[] = [];
  const body = {
    ...question,
    events,
    visitor_id: isForeign ? box[VISITOR] : undefined,
    consent: { storage: objects ? false : needsConsent || undefined },
  };
  if (!isGranted) return;
  for (const key of identity ? [] : keysOf(EVENT))
    if (!inFlight.has(key)) {
      events.push(attempt(() => JSON.parse(box[key])));
      if (events.length > Limit.BODY_EVENTS || sizeOf(JSON.stringify(body)) > Limit.BODY_BYTES) {
        events.pop();
        send("/events");
        break;
      }
      inFlight.add(key);
      batch.push(key);
    }
  if (!question && !batch[0]) return;
  let isOver: unknown;
  let answer: KabinDecision | undefined;
  try {
    // A browser without keepalive (Firefox until 133) may drop what a closing page sends; the next page sends it then.
    const response = await fetch(endpoint + path, {
      method: "POST",
      body: JSON.stringify(body),
      keepalive: true,
      signal: AbortSignal.timeout?.(Limit.ANSWER_MS),
      credentials: objects ? "omit" : "include",
    });
    // Where a question went along, that may be what was wrong.
    isOver = (identity || !question) && /^4(?!08|29)/.test(response.status as unknown as string);
    const told = await response.json();
    const example = defaultDecision();
    if (response.ok && isGranted && conforms(told, identity || (question ? example : example.events))) {
      const receipt = told.events || told;
      answer = told;
      isOver = !receipt.retry;
      isIdentified = !changes;
      // Another tab may have changed the visitor meanwhile.
      if (isForeign && told.visitor_id && box[VISITOR] === body.visitor_id) put(VISITOR, told.visitor_id);
      if (!identity) announce("events", receipt);
    }
  } catch {
    // Unreachable, or no JSON: the events are kept.
  }
  pauseMs = isOver ? 0 : Math.min(pauseMs * 2 || Limit.FIRST_PAUSE_MS, Limit.LONGEST_PAUSE_MS);
  for (const key of batch) {
    inFlight.delete(key);
    if (isOver) forget(key);
  }
  if (keysOf(EVENT)[0]) schedule();
  return answer || isOver;
};

/** Send, when nothing is under way that may bring the visitor's identity, or change it; never rejects. */
export const send = (path: string, question?: object): Promise<KabinDecision | undefined> => {
  const before = queue;
  const answer = Promise.resolve(isIdentified || before).then(() => deliver(path, question));
  queue = answer.then(() => before);
  return answer;
};

/** Let `work` change who the visitor is: after all that is under way, before all else. */
export const change = (work: () => Promise<void>): void => {
  const done = (): unknown => changes--;
  changes++;
  isIdentified = false;
  queue = Promise.resolve(queue).then(work).then(done, done);
};

/** Send what waits after a second of quiet, or after the pause that follows a failure. */
export const schedule = (): void => {
  clearTimeout(timer);
  timer = setTimeout(send, pauseMs || Limit.QUIET_MS, "/events");
};

/** Keep one event and have it sent. */
export const record = (name: string, params: object, timeMs = Date.now()): void => {
  add(name, params, timeMs);
  schedule();
};

const confirmed = new Set<string>();

/** Report once per decision and slot that `element` came into view, and `more` of what it shows. */
export const confirm = (element: Element, slot: string, { decision_id, late }: KabinDecision, more?: object): void =>
  attempt(() => {
    const key = decision_id + slot;
    if (!late)
      new IntersectionObserver((entries, observer) => {
        if (!entries.pop()!.isIntersecting) return;
        observer.disconnect();
        if (!confirmed.has(key)) record("decision_shown", { decision_id, slot, ...more });
        confirmed.add(key);
      }).observe(element);
  });
