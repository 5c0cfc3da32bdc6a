/** A longer copy of a column, so that `index` fits in; the new places hold `fill`. */
export function grown(column: Int32Array<ArrayBuffer>, index: number, fill: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(Math.max(index + 1, column.length * 2))
  longer.set(column)
  if (fill !== 0) longer.fill(fill, column.length)
  return longer
}
