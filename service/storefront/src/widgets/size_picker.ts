/** The size picker: preselecting, hinting, undoing, and hearing what the shopper chooses. */
import { core } from "./core";
import { create, get, marked, set, PREFIX, type Control } from "../elements";
import type { KabinDecision } from "../kabin";
import type { Plain } from "./ga4";

const PICKER = "size-picker";
const enum Limit {
  PRESELECTED_ITEMS = 20,
  /** Pickers that forget our choice are left alone in the end: a shop may draw them anew on every change. */
  OFFERS = 9,
  /** A live region has to be there before its text is. */
  ANNOUNCE_MS = 100,
}

const BUTTONS = "button,[role=radio],[role=option]";
const UNAVAILABLE = `:disabled,[aria-disabled=true],[${PREFIX}sold-out]`;
const PRESELECTED_ITEM = "kabin:p:";

/** The shopper chose, or took our choice back: no more help on this item. */
let isSettled = false;
/** The newest choice; pickers need not show theirs. */
let choice: Control | undefined;
/** The decision that chose it, if it was ours. */
let oursBy: string | null | undefined;
let note: Control | undefined;
let isOurAct = false;
/** How often a size was offered on this page. */
let offers = 0;
/** Where a size was offered or, to a control group, would have been; and what to report once that was seen. */
let offeredIn: Control | undefined;
let report: [KabinDecision, object?];

const optionsIn = (picker: Control): Control[] => [
  ...picker.querySelectorAll<Control>("option,input[type=radio]," + BUTTONS),
];
const skuOf = (option: Control): string | undefined => get(option, "sku") || option.value || undefined;
const labelOf = (option: Control): string =>
  get(option, "size") || ((option.labels && option.labels[0]) || option).textContent!.trim();

const chosenIn = (picker: Control): Control | undefined =>
  optionsIn(picker).find(
    (option) =>
      // Neither a placeholder nor what a select without one begins with.
      (option.selected && option.value && !option.disabled && (option.index || option.defaultSelected)) ||
      option.checked ||
      option.matches("[aria-pressed=true],[aria-checked=true],[aria-selected=true]"),
  );

/**
 * Choose an option as a shopper would, so that the shop's own code follows; given the `index` that a select had
 * before, take that back.
 */
const act = (option: Control, index?: number): void => {
  const select = option.closest("select");
  const target = select || option;
  const isChecked = option.checked;
  isOurAct = true;
  if (select) select.selectedIndex = index ?? option.index!;
  else if (isChecked) {
    // A radio is left by choosing another of its group; frameworks that watch `checked` being set notice the events then.
    const other = option.cloneNode() as HTMLInputElement;
    option.after(other);
    other.checked = true;
    other.remove();
  } else option.click();
  if (select || isChecked)
    ["click", "input", "change"].forEach((type) => target.dispatchEvent(new Event(type, { bubbles: true })));
  isOurAct = false;
  if (note) target.focus();
};

/** Take the note away; what is in the picker stays, and is ours no more. */
const release = (): void => {
  if (oursBy) choice!.removeAttribute(PREFIX + "preselected");
  if (note) note.remove();
  oursBy = note = undefined;
};

const settle = (name: string, option?: Control): void => {
  const [page, decision] = core.state();
  isSettled = true;
  release();
  choice = option;
  if (option && page && page.item_id)
    core.record(name, {
      items: [{ item_id: page.item_id, item_variant: skuOf(option), size: labelOf(option) }],
      decision_id: (decision && decision.size.size && decision.decision_id) || undefined,
    });
};

/** Count an offer, or one withheld, when its picker is seen: by the same in both arms, however shops draw it anew. */
const watch = (picker: Control): void => {
  offeredIn = picker;
  // Nothing is seen of a select that the shop has put its own picker in front of.
  core.confirm(picker.offsetHeight ? picker : picker.parentElement!, "size", ...report);
};

/** Preselect or hint, in a picker that the shopper left alone; or, as the control of an experiment, only note that we could. */
export const offerSize = (): void => {
  const [page, decision] = core.state();
  const isRedrawn = offeredIn && !offeredIn.isConnected;
  if (note && (isRedrawn || !note.isConnected || (oursBy && !choice!.isConnected))) release();
  if (isRedrawn) marked(PICKER).slice(0, 1).forEach(watch);
  // A click of ours is heard before it is done.
  if (!decision || isSettled || note || isOurAct || offers > Limit.OFFERS) return;
  const { action, size, sku } = decision.size;
  if (action === "none" && offeredIn) return;
  for (const picker of size ? marked(PICKER) : []) {
    const options = optionsIn(picker);
    const option =
      options.find((one) => sku && [get(one, "sku"), one.value].includes(sku)) ||
      options.find((one) => [labelOf(one), one.value].includes(size!));
    if (
      !option ||
      chosenIn(picker) ||
      option.closest(UNAVAILABLE) ||
      (option.type === "submit" && option.form)
    )
      continue;
    offers++;
    const isOurs = action === "preselect";
    // Whoever chooses another size after that has changed ours.
    report = [decision, isOurs && page ? { items: [{ item_id: page.item_id, size: labelOf(option) }], preselected: true } : {}];
    watch(picker);
    if (action === "none") return;
    const before = isOurs ? (picker as any).selectedIndex || 0 : undefined;
    const say = (name: string, usual: string): string => (get(picker, name + "-text") || usual).replace("{size}", size!);
    if (isOurs) {
      act(option);
      set((choice = option), "preselected", "");
      oursBy = decision.decision_id;
    }
    const button = create("button");
    const status = create("span");
    note = create("div");
    note.className = "kabin-size-note";
    status.setAttribute("role", "status");
    button.type = "button";
    button.textContent = isOurs ? say("undo", "Undo") : say("hint", "You often choose {size}");
    button.onclick = () => {
      act(option, before);
      settle(isOurs ? "deselect_size" : "select_size", option);
      if (isOurs) choice = undefined;
    };
    note.append(status, button);
    const form = picker.closest("form");
    const place = (form && marked("size-note", form)[0]) || marked("size-note")[0];
    if (place) place.append(note);
    else (picker.closest("label") || picker).after(note);
    if (isOurs) setTimeout(() => (status.textContent = say("preselect", "Your usual size: {size}")), Limit.ANNOUNCE_MS);
    return;
  }
};

/** Hear a choice; `event` is any click or change of the page. */
export const hearChoice = (event: Event, target: Element): void => {
  const picker = target.closest<Control>(`[${PREFIX + PICKER}]`);
  if (!picker || isOurAct || !event.isTrusted || (note && note.contains(target))) return;
  const isChange = event.type === "change";
  const option = (isChange ? chosenIn(picker) : target.closest<Control>(BUTTONS)) || undefined;
  if (option ? !option.closest(UNAVAILABLE) : isChange) settle("select_size", option);
};

/** Start afresh with another item. */
export const resetPicker = (): void => {
  release();
  isSettled = false;
  choice = offeredIn = undefined;
  offers = 0;
};

/** Complete what is put into the cart, and what is bought, with the size and with whose choice it was. */
export const annotate = (name: string, params: Plain): void => {
  const [page] = core.state();
  const box = core.box();
  const picker = marked(PICKER)[0];
  const option = (picker && chosenIn(picker)) || choice;
  for (const item of params.items || []) {
    const key = PRESELECTED_ITEM + item.item_id;
    if (name === "purchase" && box[key] && [box[key], undefined].includes(item.size)) item.preselected = true;
    if (name !== "add_to_cart") continue;
    delete box[key];
    if (option && page && [page.item_id, page.sku, skuOf(option)].includes(item.item_id)) {
      const label = labelOf(option);
      item.size = item.size || label;
      if (oursBy && option === choice && item.size === label) {
        params.preselected = true;
        params.decision_id = oursBy;
        core.put(key, label);
        const others = Object.keys(core.box()).filter((one) => one.startsWith(PRESELECTED_ITEM) && one !== key);
        // Ids of items tend to grow, and when one was put into the cart is not kept.
        others.sort().slice(0, 1 - Limit.PRESELECTED_ITEMS).forEach((one) => delete core.box()[one]);
      }
    }
  }
};
