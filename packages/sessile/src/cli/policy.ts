import { isSessionError } from '../core/errors.ts'
import { policy as policyOf } from '../security/policy.ts'
import { secure, type Preset, type PresetName } from '../security/presets.ts'
import { type Command, Trouble } from './command.ts'

const HELP = `sessile policy [OPTIONS]

Prints what the sessions of a preset keep to, as a review asks for it: timeouts, sessions at once, the cookie, limits on guessing, what is
logged, cryptography, secrets. An app with settings of its own makes the same of them: policy(options, parts) of sessile/security.

  --preset web|strict   whose (default: web)
  --name NAME           the cookie's name, without its prefix (default: sessionId)
  --json                print the values as JSON

Ends with 0, or with 2 when the options were not understood.

Examples:
  sessile policy --preset strict > docs/session-policy.md
  sessile policy --json
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
    const preset = presetOf(values['preset'] as PresetName, String(values['name']))
    const csrf = values['preset'] === 'strict'
    const made = policyOf({ ...preset, secret: ['(yours)'] }, { throttle: true, csrf })
    terminal.stdout.write(values['json'] ? `${JSON.stringify(made, undefined, 2)}\n` : made.text())
    return 0
  }
}

/** @throws Trouble for what the options cannot be */
function presetOf(preset: PresetName, name: string): Preset {
  try {
    return secure(preset, { production: true, name })
  } catch (error) {
    throw isSessionError(error) ? new Trouble(error.message) : error
  }
}
