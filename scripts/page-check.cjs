// Looks at a built book in headless Chromium: `node page-check.cjs BOOK SHOTS`, by scripts/page-check.
// The pages are opened as files, and the network is off: so a book that is copied to a disk works too.
const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath, pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const [book, shots] = process.argv.slice(2).map((folder) => path.resolve(folder));
const SHOTS = ["index.html", "concepts/places.html", "policies/retry.html"];
const RULES = {
  // It would ask for the style sheets again, which Chromium forbids between files.
  preload: false,
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
  rules: { "heading-order": { enabled: true }, "page-has-heading-one": { enabled: true } },
};

const problems = new Set();
const problem = (page, text) => problems.add(`${page}: ${text}`);

// print.html is all pages in one, toc.html the contents for browsers without scripts, 404.html has links from a root.
const pages = fs
  .readdirSync(book, { recursive: true })
  .filter((file) => file.endsWith(".html") && !/^(print|toc|404)\.html$/.test(file))
  .sort();
if (pages.length === 0) problem(book, "no pages: run scripts/book first");

async function open(context, file) {
  const page = await context.newPage();
  page.on("pageerror", (error) => problem(file, `script: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problem(file, `console: ${message.text()}`));
  page.on("requestfailed", (request) => problem(file, `not loaded: ${request.url()}`));
  await page.goto(pathToFileURL(path.join(book, file)).href, { waitUntil: "load" });
  return page;
}

async function look(context, file, scheme, names, links) {
  const page = await open(context, file);

  const found = await page.evaluate(() => ({
    names: [...document.querySelectorAll("[id]")].map((element) => element.id),
    links: [...document.querySelectorAll("a[href]")].map((link) => link.href),
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  }));
  names.set(path.join(book, file), new Set(found.names));
  for (const link of found.links) if (link.startsWith("file:")) links.push([file, link]);
  if (found.wide) problem(file, "is wider than the window");

  await judge(page, file, scheme);
  if (SHOTS.includes(file)) {
    const shot = `${file.replace(".html", "").replaceAll("/", "-")}-${scheme}.png`;
    await page.screenshot({ path: path.join(shots, shot) });
  }
  await page.close();
}

/** What WCAG says of a page as it stands. */
async function judge(page, file, scheme) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate((rules) => axe.run(document, rules), RULES);
  for (const { id, nodes } of violations) {
    for (const { target, any } of nodes.slice(0, 3)) {
      problem(file, `${scheme}: ${id}: ${target.join(" ")} ${any.map(({ message }) => message).join("; ")}`);
    }
  }
}

async function search(context, scheme, word) {
  const page = await open(context, "index.html");
  await page.keyboard.press("s");
  await page.locator("#mdbook-searchbar").pressSequentially(word);
  try {
    await page.locator("#mdbook-searchresults a").first().waitFor({ timeout: 10_000 });
    await judge(page, "the results of a search", scheme);
    await page.screenshot({ path: path.join(shots, `search-${scheme}.png`) });
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    problem("index.html", `search for "${word}" finds nothing`);
  }
  await page.close();
}

async function main() {
  fs.rmSync(shots, { recursive: true, force: true });
  fs.mkdirSync(shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const names = new Map();
  const links = [];
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
    await context.setOffline(true);
    for (const file of pages) await look(context, file, colorScheme, names, links);
    if (pages.length > 0) await search(context, colorScheme, "jitter");
    await context.close();
  }
  await browser.close();

  for (const [file, link] of links) {
    const target = new URL(link);
    const anchor = decodeURIComponent(target.hash.slice(1));
    target.hash = target.search = "";
    const there = fileURLToPath(target);
    if (!fs.existsSync(there)) problem(file, `${link} leads nowhere`);
    else if (anchor && names.has(there) && !names.get(there).has(anchor)) problem(file, `${link}: no such heading`);
  }
  for (const text of problems) console.error(text);
  console.log(`${pages.length} pages in light and dark, ${links.length} links, ${problems.size} problems`);
  process.exitCode = problems.size > 0 ? 1 : 0;
}

main();
