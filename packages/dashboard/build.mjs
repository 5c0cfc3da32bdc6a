// Builds the page and writes it as a module into the package's sources, where the dashboard's router finds it: for whoever builds
// the package. Takes a tenth of a second.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const HERE = dirname(fileURLToPath(import.meta.url))
const TARGET = join(HERE, '..', 'sessile', 'src', 'monitor', 'page.generated.ts')

const { outputFiles } = await build({
  entryPoints: { app: join(HERE, 'src', 'main.tsx') },
  outdir: HERE,
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  charset: 'utf8'
})

const page = {}
let html = readFileSync(join(HERE, 'src', 'index.html'), 'utf8')
for (const { path, text } of outputFiles) {
  const kind = path.split('.').at(-1)
  const name = `app-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.${kind}`
  page[name] = text
  html = html.replace(`app.${kind}`, name)
}
page['index.html'] = html

const module = `// Made by packages/dashboard/build.mjs: the files of the dashboard's page, by name.
export const PAGE: Readonly<Record<string, string>> = ${JSON.stringify(page, null, 1)}
`
if (!existsSync(TARGET) || readFileSync(TARGET, 'utf8') !== module) writeFileSync(TARGET, module)
