/** What is looked for, by its number in the checklist of docs/security.md. */
export interface Item {
  readonly title: string
  /** Chapter and verse: V is OWASP ASVS 5.0, SM, CSRF, AUTH, CT cheat sheets of OWASP, N NIST SP 800-63B-4, C RFC 6265bis. */
  readonly source: string
  /** ASVS's level, or the source's own word. */
  readonly level: string
  readonly why: string
  readonly fix: string
}

const item = (title: string, source: string, level: string, why: string, fix: string): Item => ({ title, source, level, why, fix })

export const ITEMS: Readonly<Record<number, Item>> = {
  1: item(
    'Ids are random and long enough',
    'V7.2.3, V11.5.1, SM Entropy, N 5.1',
    '1',
    'An id that can be guessed is somebody else’s session.',
    'Take 128 bits or more from the system’s generator: crypto.randomBytes(24), or sessile’s own ids.'
  ),
  2: item(
    'Ids are no UUIDs',
    'V11.5.1',
    '2',
    'A UUID has 122 random bits at best, and some versions are made of time and address.',
    'Leave genid away, or make ids with crypto.randomBytes(24).'
  ),
  3: item(
    'Ids say nothing',
    'SM Content, N 5.1.1',
    'MUST',
    'What can be read in a cookie is read by others, and what is counted or dated can be guessed.',
    'Keep data in the session on the server; let the cookie carry a random id alone.'
  ),
  4: item(
    'An altered cookie is no session',
    'V7.2.1',
    '1',
    'A server that takes an altered cookie takes a forged one.',
    'Sign the cookie and verify it, or look the whole id up.'
  ),
  5: item(
    'Ids that the site never issued are not adopted',
    'SM Generation, C 8.4',
    'MUST',
    'Whoever can plant a cookie chooses the id that his victim signs in with.',
    'Begin a session under an id of your own whenever the one that came is unknown (strict mode).'
  ),
  7: item(
    'Only the cookie carries the id',
    'V14.2.1, SM Used vs Accepted',
    '1',
    'Addresses are in logs, histories and Referer headers, and links plant ids.',
    'Take the id from the cookie alone; switch off URL sessions.'
  ),
  10: item(
    'Only the secrets of now sign a session',
    'V11.2.2, V13.3.4, V13.3.1',
    '2',
    'Whoever knows a secret makes any cookie he likes.',
    'Sign with a long random secret, and take known and retired ones out of the list.'
  ),
  13: item(
    'The session cookie is Secure',
    'V3.3.1, N 5.1.1, SM Secure',
    '1',
    'Without it, one request over HTTP gives the session to the network.',
    'cookie: { secure: true }; behind a proxy set `trust proxy` (or audit with --behind-proxy).'
  ),
  14: item(
    'The session cookie is HttpOnly',
    'V3.3.4, SM HttpOnly',
    '2',
    'One hole for scripts in any page then gives the session away.',
    'cookie: { httpOnly: true }.'
  ),
  15: item(
    'The session cookie has a __Host- name',
    'V3.3.1, V3.3.3, C 4.1.3',
    '1-2',
    'A neighbouring subdomain, or the network, can plant a cookie of any other name.',
    'Name it __Host-…, with Secure, Path=/ and no Domain.'
  ),
  17: item(
    'SameSite is said, Lax or Strict',
    'V3.3.2, SM SameSite',
    '2',
    'Without it browsers differ in whether other sites’ requests carry the session.',
    "cookie: { sameSite: 'lax' } or 'strict'; 'none' only together with secure."
  ),
  18: item(
    'The cookie’s name does not tell the framework',
    'SM Name',
    'SHOULD',
    'It tells an attacker which known holes to try.',
    'Give it a name of your own.'
  ),
  20: item(
    'The cookie is not kept longer than 400 days',
    'C 5.5',
    'SHOULD',
    'Browsers cut longer times, and a session that lives for years is one that is found some day.',
    'Set maxAge to what your sessions really last.'
  ),
  21: item(
    'A session that ran out is over, whoever sends its cookie',
    'N 5.1.1, SM Idle, V7.3.1',
    '2',
    'An expiry that only the browser keeps is none for a thief.',
    'Keep the expiry in the record on the server and look at it.'
  ),
  25: item(
    'Answers with a session cookie are in no cache',
    'V14.3.2, SM Caching',
    '2',
    'A cache that keeps Set-Cookie gives one person’s session to all.',
    'Cache-Control: no-store (noStore() of sessile/security) on such answers.'
  ),
  26: item(
    'Signing out takes the cookie away',
    'SM Expiration, C 4.1.2',
    'MUST',
    'A cookie that stays is sent on, and tells who was here.',
    'Clear it with the same name, path, domain and flags.'
  ),
  27: item(
    'Signing in gives a new id, and the old one is dead',
    'V7.2.4, SM Renew',
    '1',
    'Whoever knew or planted the id before is signed in afterwards.',
    'await req.session.signIn(userId), or regenerate() before the user is put in.'
  ),
  30: item(
    'A session that nobody uses ends',
    'V7.3.1, SM Idle, N 2.2.3',
    '2',
    'Whoever sits down at a computer that was left is signed in.',
    "lifetimes: { signedIn: { idle: '30m' } }."
  ),
  31: item(
    'A session ends even if it is used all the time',
    'V7.3.2, SM Absolute, N 2.2.3, 5.2',
    '2',
    'A stolen session that is kept busy lasts for ever.',
    "lifetimes: { signedIn: { absolute: '8h' } }."
  ),
  37: item(
    'When a session is over, one signs in again',
    'N 5.2, V7.4.1',
    '1',
    'A second cookie that signs in by itself makes every limit of the session void.',
    'Keep no secret beside the session that signs in without a password.'
  ),
  40: item(
    'Who only reads gets no session',
    'V7.6.2, SM',
    '2',
    'A record for every robot fills the store, and a cookie without need asks for consent.',
    'saveUninitialized: false.'
  ),
  41: item(
    'Signing out ends the session on the server',
    'V7.4.1, SM Expiration',
    '1',
    'A copied cookie goes on working after its owner has signed out.',
    'await req.session.signOut() (or destroy()), not only clearCookie().'
  ),
  43: item(
    'A GET does not sign out',
    'V7.4.4, V3.5.3',
    '2',
    'Any page with an image of that address signs the visitor out.',
    'Take POST alone.'
  ),
  44: item(
    'Signing out without a session is answered alike',
    'AUTH, SM',
    'SHOULD',
    'An error page leaves people unsure whether they are signed out.',
    'Answer as if there had been one, and clear the cookie.'
  ),
  45: item(
    'Signing out clears what the browser kept',
    'V14.3.1, SM Clear-Site-Data',
    '1',
    'The Back button shows private pages to whoever sits down next.',
    'Clear-Site-Data: "cache", "storage" on the answer.'
  ),
  50: item(
    'No page shows the session’s id',
    'V16.2.5, SM Logging',
    '2',
    'What is in a page, a script can read: HttpOnly is then in vain.',
    'Show a handle: sessions.describe(req).handle.'
  ),
  55: item(
    'What signs in is changed only by who proves who he is',
    'V7.5.1, V6.2.3',
    '2',
    'Whoever finds a computer unlocked takes the account over.',
    "Ask for the password of now, or requireFresh('10m') of sessile/security."
  ),
  62: item(
    'What changes something is refused from other sites',
    'V3.5.1, V3.5.2, CSRF Fetch Metadata',
    '1',
    'Other sites’ pages act in the name of whoever visits them.',
    'app.use(crossSite()) of sessile/security in front of all routes.'
  ),
  66: item(
    'JSON is not taken as text/plain',
    'V3.5.2',
    '1',
    'Any page may send text/plain across sites without being asked.',
    'Parse JSON only from application/json, and check the origin.'
  ),
  67: item(
    'CORS lets no stranger in',
    'V3.4.2',
    '1',
    'Every site can then read with the visitor’s session.',
    'Name the origins that may; never echo Origin together with credentials.'
  ),
  68: item(
    'The security headers are there',
    'V3.4.1, V3.4.3-3.4.6, V3.4.8',
    '1-3',
    'They take the ground from under scripts, frames and sniffing that lead to the session.',
    'helmet(), with frame-ancestors, object-src and base-uri in the policy.'
  ),
  69: item(
    'Private answers are not embedded elsewhere',
    'V3.5.8',
    '3',
    'Other sites learn from what they can embed.',
    'Cross-Origin-Resource-Policy: same-origin.'
  ),
  70: item(
    'Redirects stay on the site',
    'V3.7.2',
    '2',
    'A link to your sign-in ends on a page that only looks like yours.',
    'safeReturnPath(next) of sessile/security.'
  ),
  74: item(
    'The whole password counts, as it was typed',
    'V6.2.8, V6.2.9, N 3.1.1.2',
    '1-2',
    'What is cut off, trimmed or folded makes long passwords weak ones.',
    'Take 64 characters or more, normalise to NFC, change nothing else, and use a hash without bcrypt’s limit of 72 bytes.'
  ),
  78: item(
    'Password managers can do their work',
    'V6.2.6, V6.2.7, N 3.1.1.2',
    '1',
    'Where they cannot, people take short passwords.',
    'type="password" autocomplete="current-password", and autocomplete="username".'
  ),
  79: item(
    'A change of the password asks for the one of now, and looks at it',
    'V6.2.3',
    '1',
    'Otherwise whoever has a session for a minute has the account for good.',
    'Verify the current password, and count failures as those of a sign-in.'
  ),
  82: item(
    'A wrong password and an unknown user are answered alike',
    'V6.3.8, AUTH Responses',
    '3',
    'Whoever can tell them apart collects the names of your users.',
    'The same status, text and time; verify against a dummy hash when there is no user.'
  ),
  99: item(
    'Errors show nothing of the inside',
    'V16.5.1, V13.4.2',
    '2',
    'Stacks and queries tell how to get further in.',
    'NODE_ENV=production, and an error handler that answers with a sentence.'
  ),
  105: item(
    'Metrics, admin and debug pages are closed',
    'V13.4.5, V8.2.1',
    '2',
    'They tell who is here and what can be done.',
    'Put them behind requireRole, or on a port of their own.'
  )
}
