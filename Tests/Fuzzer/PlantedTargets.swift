import Foundation

extension FuzzTarget {
    /// Parsers with a fault each, to see that it is found: an input of which any byte is 0xEE sets it off.
    static func planted(in folder: String) -> [FuzzTarget] {
        func planted(_ name: String, _ fault: @escaping ([UInt8]) throws -> Void) -> FuzzTarget {
            FuzzTarget(name: "planted-" + name, seeds: [Array("a valid input".utf8)], tokens: [[0xEE]]) {
                if $0.contains(0xEE) { try fault($0) }
            }
        }
        return [
            planted("trap") { input in
                let index = input.count + Int(input[0])
                print(input[index])
            },
            // A call of the system, as the compiler leaves out a loop that does nothing.
            planted("hang") { _ in while getpid() != 0 {} },
            planted("bomb") { _ in
                var memory: [[UInt8]] = []
                while memory.count < 1 << 20 { memory.append([UInt8](repeating: 1, count: 1 << 24)) }
            },
            planted("wait") { _ in
                let fifo = folder + "/fifo"
                mkfifo(fifo, 0o600)
                // Blocks until somebody writes.
                close(open(fifo, O_RDONLY))
            },
            planted("error") { _ in throw CocoaError(.coderInvalidValue) },
            planted("wrong-result") { _ in try require(false, "a wrong result") },
        ]
    }
}
