/** Who the visitor is: signing in makes them a customer, signing out nobody known. */
import { core } from "./core";
import { attempt } from "../elements";
import { CUSTOMER, EVENT, SIGN_OUT } from "../keys";

const enum Limit {
  FIRST_PAUSE_MS = 2000,
  LONGEST_PAUSE_MS = 60000,
}

const EXAMPLE = { visitor_id: null, is_customer: true, merged: true };

let pauseMs = 0;
let timer: ReturnType<typeof setTimeout>;

/** Return what stands for a token's customer on this day: as nobody can read it, it may be kept in the browser. */
const customerOf = (token = ""): string | undefined =>
  attempt(() => {
    // What base64url has of its own hardly occurs in ids; whoever has it in theirs is told of on every page.
    const text = JSON.parse(atob(token.split(".")[1])).sub + Date().slice(0, 15);
    return `${[...text].reduce((sum, one) => (sum * 31 + one.codePointAt(0)!) | 0, 0)}`;
  });

const isDue = (token?: string): unknown => {
  const customer = customerOf(token);
  return core.box()[SIGN_OUT] || (token && (!customer || core.box()[CUSTOMER] !== customer));
};

/** Sign out if that is due, else in. What waits belongs to the visitor who did it: it goes first, or nowhere. */
const changeVisitor = async (token: string | undefined, asked: unknown): Promise<void> => {
  if (!isDue(token)) return;
  const isLeaving = core.box()[SIGN_OUT];
  let told: any = {};
  while (core.keysOf(EVENT)[0] && told && !told.retry) told = await core.deliver("/events");
  if (isLeaving) core.keysOf("kabin:").forEach((key) => key === SIGN_OUT || delete core.box()[key]);
  told =
    !core.keysOf(EVENT)[0] &&
    (await core.deliver("/identify", isLeaving ? { sign_out: true } : { customer_token: token }, EXAMPLE));
  if (told && told !== true) {
    pauseMs = 0;
    if (isLeaving) {
      delete core.box()[SIGN_OUT];
      become(token);
    } else if (told.is_customer) core.put(CUSTOMER, customerOf(token) || "");
    // What was asked meanwhile waits for its turn, and is answered for who it is now; during a sign-out nothing is asked.
    if (isLeaving || core.state()[0] === asked) core.askAnew();
  } else if (isLeaving || !told) {
    // A token that was refused would be refused again.
    pauseMs = Math.min(pauseMs * 2 || Limit.FIRST_PAUSE_MS, Limit.LONGEST_PAUSE_MS);
    timer = setTimeout(become, pauseMs, token);
  }
};

/** Sign out, if that is due, then in with a token, if there is one; again after failures, as long as the page is there. */
export const become = (token?: string): void => {
  clearTimeout(timer);
  // Whoever objects is nobody's customer, and nothing is kept of them.
  if ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl) delete core.box()[SIGN_OUT];
  else if (isDue(token)) {
    const [asked] = core.state();
    core.change(() => changeVisitor(token, asked));
  }
};
