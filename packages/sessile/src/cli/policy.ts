import { policy as policyOf } from '../security/policy.ts'
import { secure, type PresetName } from '../security/presets.ts'
import { type Command, Trouble } from './command.ts'

const HELP = `sessile policy [OPTIONS]

Prints what the sessions of a preset keep to, as a review asks for it: timeouts, sessions at once, the cookie, limits on guessing, what is
logged, cryptography, secrets. An app with settings of its own makes the same of them: policy(options, parts) of sessile/security.

  --preset web|strict   whose (default: web)
  --name NAME           the cookie's name, without its prefix (default: sessionId)
  --json                print the values as JSON
`

/** `sessile policy`. */
export const policy: Command = {
  summary: 'print what the sessions of a preset keep to',
  help: HELP,
  options: {
    preset: { type: 'string', default: 'web' },
    name: { type: 'string', default: 'sessionId' },
    json: { type: 'boolean', default: false }
  },
  async run(positionals, values, terminal) {
    if (positionals.length > 0) throw new Trouble(`It takes options alone.\n\n${HELP}`)
    const preset = secure(values['preset'] as PresetName, { production: true, name: String(values['name']) })
    const csrf = values['preset'] === 'strict'
    const made = policyOf({ ...preset, secret: ['(yours)'] }, { throttle: true, csrf })
    terminal.stdout.write(values['json'] ? `${JSON.stringify(made, undefined, 2)}\n` : made.text())
    return 0
  }
}
