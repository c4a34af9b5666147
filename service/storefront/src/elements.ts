/** The page's elements and their `data-kabin-` attributes. */

/** An element with what form controls have; absent members are undefined. */
export type Control = HTMLElement & Partial<Omit<HTMLOptionElement & HTMLInputElement, keyof HTMLElement>>;

export const PREFIX = "data-kabin-";

/** Return a `data-kabin-` attribute, undefined if it is missing or empty. */
export const get = (element: Element, name: string): string | undefined =>
  element.getAttribute(PREFIX + name) || undefined;

export const set = (element: Element, name: string, value: string): void =>
  element.setAttribute(PREFIX + name, value);

/** Return the elements that have a `data-kabin-` attribute, such as `page` or `slot=homepage`. */
export const marked = (attribute: string, root: ParentNode = document): Control[] => [
  ...root.querySelectorAll<Control>(`[${PREFIX + attribute}]`),
];

export const create = (tag: string): Control => document.createElement(tag);

/** Whether the parser may still be adding to the page. */
export const isParsing = (): boolean => document.readyState === "loading";

export const announce = (name: string, detail: unknown): unknown =>
  document.dispatchEvent(new CustomEvent("kabin:" + name, { detail }));

/** Run `work` and swallow what it throws: whatever happens to Kabin, the shop goes on. */
export const attempt = <T>(work: () => T): T | undefined => {
  try {
    return work();
  } catch {}
};
