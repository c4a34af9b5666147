/** The loader: keeps calls until kabin.js is there, and hides the homepage slot for 300 ms at most. */
import { defaultDecision } from "./decision";

((timeoutMs: number) => {
  const page = window as { [name: string]: any };
  if (page.kabin) return;
  const q: unknown[] = [];
  const kabin: { [name: string]: any } = (page.kabin = { q, t: Date.now() });
  try {
    const s: CSSStyleSheet = (kabin.s = new CSSStyleSheet());
    s.replaceSync("[data-kabin-slot=homepage]{visibility:hidden}");
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, s];
    setTimeout(() => s.replaceSync(""), timeoutMs);
  } catch {}
  for (const name of ["personalize", "track", "consent", "identify", "signOut"])
    kabin[name] = (...args: unknown[]) =>
      new Promise((resolve) => {
        q.push([name, args, resolve, Date.now()]);
        setTimeout(() => kabin.q && resolve(defaultDecision()), timeoutMs);
      });
})(300);
