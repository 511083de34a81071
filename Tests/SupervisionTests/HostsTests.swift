import Supervision
import Testing

@Suite struct HostsTests {
    @Test func `A host file has names and slots, comments and empty lines`() throws {
        let text = """
            # two racks
            node-1 slots=4

            node-2\tslots=2 max_slots=8 # the old one
            node-3
            """
        #expect(
            try Hosts(text: text, path: "hosts").all == [
                .init(name: "node-1", slots: 4), .init(name: "node-2", slots: 2),
                .init(name: "node-3", slots: 1),
            ])
    }

    @Test(arguments: [
        ("node-1 slots=0", "line 1"), ("node-1\nnode-2 slots=x", "line 2"), ("# none\n", "hosts"),
    ])
    func `What is no host file is refused with the line`(text: String, part: String) {
        let error = #expect(throws: HostFileError.self) { try Hosts(text: text, path: "hosts") }
        #expect(error?.description.contains(part) == true)
    }

    @Test func `Hosts that do not answer, or on which the command fails, are named with the reason`() throws {
        // The host's name is the argument of a command here, and what is run there comes as one word for a shell.
        let hosts = try Hosts(text: "good slots=2\nfar slots=3\nold slots=1\nlocalhost\n", path: "hosts")
        let agent = [
            "sh", "-c",
            #"test "$1 $2" = "'it'\\''s' '--version'" || exit 9; case $0 in far) exit 255;; old) exit 127;; esac"#,
        ]
        #expect(
            hosts.absences(agent: agent, command: ["it's", "--version"])
                == ["far": .silent, "old": .failed(127)])
        #expect(
            hosts.absences(agent: ["/no/such/shell"], command: ["true"])
                == ["good": .silent, "far": .silent, "old": .silent])
    }
}
