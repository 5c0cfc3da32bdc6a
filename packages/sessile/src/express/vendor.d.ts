/** `cookie` 0.7 has no types of its own. */
declare module 'cookie' {
  namespace cookie {
    type CookieSerializeOptions = object
    function parse(header: string): Record<string, string>
    function serialize(name: string, value: string, options?: CookieSerializeOptions): string
  }
  export = cookie
}
