/**
 * Seeds that showed a fault of the engine, with what it was. A seed names its run only as long as the scenarios are made in
 * the same way: who changes how they are drawn looks for new ones by putting the fault back.
 */
export const regressionSeeds: readonly { readonly seed: number; readonly what: string }[] = [];
