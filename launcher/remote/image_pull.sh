# sudo or nothing, image: the engine pulls an image from its registry, with the login that this user has there. Output, one
# a second: `have LAYERS ALL`; at the end `done`, or `failed REASON`
layers 'Pull complete\|Already exists' 'Pulling fs layer\|Already exists' ${1:+sudo -n} docker pull "$2"
verdict "$?"
