package virtshrink.libvirt;

/** What is found in a domain's metadata. */
public sealed interface StatedPolicy {
    /** It can be followed; {@link DomainPolicy#NONE} if the metadata have none. */
    record Clear(DomainPolicy policy) implements StatedPolicy {}

    /**
     * Something that is meant as a policy and cannot be followed. Nobody knows what its author wanted to forbid: the domain is left alone.
     *
     * @param reason a clause without subject, for people
     */
    record Unclear(String reason) implements StatedPolicy {}
}
