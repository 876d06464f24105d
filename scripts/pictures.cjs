// Photographs pages in headless Chromium: `node pictures.cjs PAGES PICTURES`, by scripts/pictures.
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const [pages, pictures] = process.argv.slice(2).map((folder) => path.resolve(folder));

(async () => {
  // Chromium has no sandbox for root, as in containers.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  // As wide as the column of the book.
  const context = await browser.newContext({ colorScheme: "light", viewport: { width: 800, height: 600 } });
  for (const file of fs.readdirSync(pages).filter((file) => file.endsWith(".html")).sort()) {
    const page = await context.newPage();
    await page.goto(pathToFileURL(path.join(pages, file)).href, { waitUntil: "load" });
    await page.addStyleTag({ content: "body { margin: 0 auto; padding: 0.5rem 1rem }" });
    await page.screenshot({ path: path.join(pictures, file.replace(".html", ".png")), fullPage: true });
    await page.close();
  }
  await browser.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
