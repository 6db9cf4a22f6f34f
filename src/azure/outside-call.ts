/** Whom this service asks. */
export type Target = 'number_api' | 'queue' | 'table' | 'vault' | 'graph' | 'entra' | 'keys'

/**
 * Makes one call to a neighbour and takes its time: what every client hands its calls to.
 * @param isOk whether an answer that came is a good one; every one is, unless told
 */
export type ObserveCall = <T>(target: Target, call: () => Promise<T>, isOk?: (answer: T) => boolean) => Promise<T>

export const unobserved: ObserveCall = (_target, call) => call()
