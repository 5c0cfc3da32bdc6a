/** Decides an attribute that was changed on both sides. Absent values are `undefined`. */
export type MergeRule = (base: unknown, ours: unknown, theirs: unknown) => unknown

/** Rules by the name of a top-level attribute. */
export type MergeRules = Readonly<Record<string, MergeRule>>

type Attributes = Record<string, unknown>

function isPlain(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Equal as JSON. Keys count in their order: a record that only differs in it is written again, which does no harm. */
function same(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  return JSON.stringify(one) === JSON.stringify(other)
}

/** `__proto__` as a key of JSON is data like any other; on an object without a prototype it stays that. */
function empty(): Attributes {
  return Object.create(null) as Attributes
}

function mergeObjects(base: Attributes, ours: Attributes, theirs: Attributes, rules: MergeRules | undefined): Attributes {
  const merged = empty()
  for (const name of Object.keys(theirs)) {
    const value = mergeValue(own(base, name), own(ours, name), theirs[name], own(rules, name))
    if (value !== undefined) merged[name] = value
  }
  for (const name of Object.keys(ours)) {
    if (Object.hasOwn(theirs, name)) continue
    const value = mergeValue(own(base, name), ours[name], undefined, own(rules, name))
    if (value !== undefined) merged[name] = value
  }
  return merged
}

function own<T>(object: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
}

function mergeValue(base: unknown, ours: unknown, theirs: unknown, rule: MergeRule | undefined): unknown {
  if (same(ours, base)) return theirs
  if (same(theirs, base) || same(ours, theirs)) return ours
  if (rule) return rule(base, ours, theirs)
  // a common base that was no object means that both made one anew: their keys are kept side by side all the same
  if (isPlain(ours) && isPlain(theirs)) return mergeObjects(isPlain(base) ? base : empty(), ours, theirs, undefined)
  return ours
}

/**
 * Lays what changed between `base` and `ours` over `theirs`. All three are JSON texts of objects.
 * Attributes that only one side changed are that side's. Where both did: the attribute's rule; plain objects key by key,
 * recursively; anything else, arrays included, is ours as a whole.
 * @returns `undefined` when one of them would have to be parsed and cannot be
 */
export function mergeTexts(base: string, ours: string, theirs: string, rules?: MergeRules): string | undefined {
  if (ours === base || ours === theirs) return theirs
  if (theirs === base) return ours
  let texts: readonly [Attributes, Attributes, Attributes]
  try {
    texts = [JSON.parse(base), JSON.parse(ours), JSON.parse(theirs)]
  } catch {
    return undefined
  }
  return JSON.stringify(mergeObjects(...texts, rules))
}
