/**
 * What the configuration, the history and a domain's own metadata make of each domain: the daemon acts on it and {@code virt-shrink list}
 * explains it, so neither can say otherwise than the other. Looks at no more of an image than its {@code stat(2)}. Uses {@code config},
 * {@code schedule}, {@code history}, {@code libvirt} and the models below them, never the entry points.
 */
@NullMarked
package virtshrink.policy;

import org.jspecify.annotations.NullMarked;
