/** Questions: one page, one decision, in time or by default. */
import { defaultDecision } from "./decision";
import { announce, get, marked } from "./elements";
import { shownVariant } from "./homepage_slot";
import type { KabinDecision, KabinPage, KabinRequest } from "./kabin";
import { SIGN_OUT } from "./keys";
import { box, isGranted } from "./outbox";
import { timeoutMs } from "./settings";
import { send } from "./transport";

/** The page of the newest question: only its answer is applied. */
export let page: KabinPage | undefined;
/** What its promise settled with. */
export let decision: KabinDecision | undefined;
/** What the service said, be it late. */
export let answer: KabinDecision | undefined;

let newest: string;
let promise: Promise<KabinDecision>;

/** Ask for a page, or join the same question while it is open; `changed` is called when there is something new. */
export const ask = (
  asked: KabinPage,
  request: KabinRequest,
  startMs: number,
  changed: () => void,
): Promise<KabinDecision> => {
  const limit = request.limit ?? marked("limit").map((slot) => +get(slot, "limit")!)[0];
  const body = { ...request, page: asked, limit };
  const key = JSON.stringify(body);
  if (key !== newest || decision) {
    newest = key;
    page = asked;
    decision = answer = undefined;
    promise = new Promise((resolve) => {
      let isSettled: true | undefined;
      const settle = (given?: KabinDecision): void => {
        const settled = given || defaultDecision(shownVariant());
        resolve(settled);
        if (page === asked) {
          if (!isSettled) decision = settled;
          if (given) {
            answer = given;
            given.late = isSettled;
            announce("decision", given);
          }
          changed();
        }
        isSettled = true;
      };
      if (isGranted && !box[SIGN_OUT]) {
        setTimeout(() => isSettled || settle(), startMs + timeoutMs - Date.now());
        send("/personalize", body).then(settle);
      } else settle();
    });
  }
  return promise;
};
