/** Builds what pages load, from src/ into built/. The same sources give the same bytes. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

/** Of what every page loads, 3 KB, and of what it fetches where it is needed. */
const MAX_GZIP_BYTES = { "kabin.js": 3072, "kabin-widgets.js": 3328 };
const root = fileURLToPath(new URL(".", import.meta.url));
const source = (name) => `${root}src/${name}`;
const built = (name) => `${root}built/${name}`;
const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** Members of `Core` and `Widgets`, see src/widget_script.ts: shortened alike in both scripts, 45 bytes of gzip in each. */
const SHARED_NAMES = /^(state|box|put|record|confirm|dataLayerName|keysOf|deliver|change|askAnew|become|update|reset|complete|listen|tagged)$/;
const shortNames = {};

/** Return the modules of one entry point as one minified script. */
const bundle = async (name, options = {}) => {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [source(name)],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    tsconfigRaw: "{}",
    mangleProps: SHARED_NAMES,
    mangleCache: shortNames,
    ...options,
  });
  Object.assign(shortNames, result.mangleCache);
  return result.outputFiles[0].text;
};

/** Keep names out of the page's global scope; esbuild's own wrapping would add 350 bytes for the dynamic import. */
const enclose = (code) => `(()=>{${code.trim()}})();`;

/** Minify once more: terser inlines across modules, which takes 100 bytes off each script's gzip. */
const squeeze = async (code, options = {}) =>
  (await minify(code, { ecma: 2020, compress: { passes: 2 }, ...options })).code + "\n";

const loader = (script) => `<script nonce="NONCE">
${script.trim()}
</script>
<script async src="https://kabin.example/kabin.js" nonce="NONCE"></script>
`;

const inputs = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"].concat(
  (await readdir(source(""), { recursive: true }))
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => `src/${name}`),
);
const sources = {};
for (const name of inputs) sources[name] = sha256(await readFile(root + name));

const widgets = await squeeze(await bundle("widgets/main.ts"), { module: true });
const widgetsName = `kabin-widgets-${sha256(widgets).slice(0, 12)}.js`;
const script = await squeeze(enclose(await bundle("main.ts", { define: { WIDGETS_URL: JSON.stringify(widgetsName) } })));
const outputs = {
  "kabin.js": script,
  "kabin-widgets.js": widgets,
  "kabin.d.ts": await readFile(source("kabin.d.ts"), "utf8"),
  "loader.html": loader(await squeeze(enclose(await bundle("loader.ts")))),
};
const facts = (code) => ({
  sha256: sha256(code),
  bytes: Buffer.byteLength(code),
  gzip_bytes: gzipSync(code, { level: 9 }).length,
});
const manifest = { sources, "kabin.js": facts(script), "kabin-widgets.js": facts(widgets) };
outputs["manifest.json"] = JSON.stringify(manifest, null, 2) + "\n";

await mkdir(built(""), { recursive: true });
for (const [name, content] of Object.entries(outputs)) await writeFile(built(name), content);
for (const [name, most] of Object.entries(MAX_GZIP_BYTES)) {
  console.log(`${name}: ${manifest[name].bytes} bytes, ${manifest[name].gzip_bytes} at gzip -9`);
  if (manifest[name].gzip_bytes > most) {
    console.error(`${name} is too large: at most ${most} bytes at gzip -9`);
    process.exitCode = 1;
  }
}
