/** A value that BSON has a type for and JSON has not, as the driver gives and takes it. */
function isSpecial(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return value instanceof Date || value instanceof RegExp || value instanceof Uint8Array || '_bsontype' in value
}

/** An object of members, and of no type of its own. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isSpecial(value)
}

/**
 * What was read with all its BSON types, as programs know it: numbers are numbers, everything else that JSON has no type for stays
 * (dates, ids, decimals). Nothing of the original is shared.
 */
export function promoted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(promoted)
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, promoted(one)]))
  if (value instanceof Date) return new Date(value)
  const special = value as
    | { _bsontype?: unknown; valueOf(): unknown; toNumber?(): number; pattern?: string; options?: string }
    | null
    | undefined
  switch (special?._bsontype) {
    case 'Int32':
    case 'Double':
      return special.valueOf()
    case 'Long':
      return Number.isSafeInteger(special.toNumber!()) ? special.toNumber!() : value
    case 'BSONRegExp':
      return regExpOf(value, special.pattern!, special.options!)
    default:
      return value
  }
}

function regExpOf(value: unknown, pattern: string, options: string): unknown {
  try {
    return new RegExp(pattern, options.replace(/[^gimsuy]/g, ''))
  } catch {
    return value
  }
}

/**
 * JSON with the types that it had: wherever a known value has the same JSON, that value is taken. So what a request left alone is
 * stored as it was, bit by bit, and what it put in anew is of the type that the request gave it.
 * @param known what was stored, and what the request has, in this order
 */
export function withTypes(next: unknown, known: readonly unknown[]): unknown {
  for (const one of known) {
    if (isSpecial(one) && JSON.stringify(promoted(one)) === JSON.stringify(next)) return one
  }
  if (Array.isArray(next)) {
    const arrays = known.filter(Array.isArray)
    return next.map((one, index) =>
      withTypes(
        one,
        arrays.map((array: unknown[]) => array[index])
      )
    )
  }
  if (isPlain(next)) {
    const objects = known.filter(isPlain)
    return Object.fromEntries(
      Object.entries(next).map(([name, one]) => [
        name,
        withTypes(
          one,
          objects.filter((object) => Object.hasOwn(object, name)).map((object) => object[name])
        )
      ])
    )
  }
  return next
}
