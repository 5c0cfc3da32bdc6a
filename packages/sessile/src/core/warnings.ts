/**
 * Every warning about how an app is set up, by its code: one sentence, and (by its name) its page `docs/warnings/<code>.md`. Those
 * with `always` go wrong on any machine; the others matter where real users are, so elsewhere only listeners are told.
 */
export const WARNINGS = {
  'cookie-not-sent': { always: true, sentence: 'The cookie of a session was not sent: it is secure and the connection is not.' },
  'cookie-prefix': { always: true, sentence: 'The cookie has a name whose rules it breaks; browsers drop it in silence.' },
  'same-site-none': { always: true, sentence: "The cookie has sameSite 'none' and is not secure; browsers drop it in silence." },
  'lazy-touch': { always: true, sentence: 'The touch throttle is longer than half of a session’s life; it is capped at half of it.' },
  'unknown-option': { always: true, sentence: 'session() was given an option that it does not know.' },
  'trust-proxy-all': {
    always: false,
    sentence: "Express trusts every proxy ('trust proxy' is true): anyone can say that he comes over HTTPS."
  },
  'weak-secret': { always: false, sentence: 'A secret that signs the cookies can be guessed or is short.' },
  'memory-store': { always: false, sentence: 'Sessions are in the memory of this process: others do not see them, and they end with it.' }
} as const satisfies Record<string, { always: boolean; sentence: string }>

/** The stable word that says which warning it is. `node --disable-warning=<code>` silences it. */
export type WarningCode = keyof typeof WARNINGS
