/** Keys of what is kept in the browser. */

/** Of events until they are acknowledged. */
export const EVENT = "kabin:e:";
/** The visitor's token, where the cookie may be blocked. */
export const VISITOR = "kabin:v";
/** Who was identified in this browser, and on which day. */
export const CUSTOMER = "kabin:c";
/** There while a sign-out is due: until it is done nothing is asked or recorded. */
export const SIGN_OUT = "kabin:o";
